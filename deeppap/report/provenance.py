"""What each fold's model says of where it comes from; what nobody recorded is called that, never guessed."""

from collections.abc import Callable, Sequence

from deeppap.records import Recipe, ScoreRecord
from deeppap.scoring.results import FoldResult, RunResult

CAFFENET = "bvlc_reference_caffenet.caffemodel"
BY_HAND = (
    "trained by caffe train itself: the newest snapshot was scored; its source weights and its losses are not recorded"
)
UNFINISHED = "its training has not ended: the newest snapshot was scored, which no rule selected"
AS_IN_THE_PAPER = "snapshot chosen by the lowest loss on the fold it is judged by, as in the paper"
PARTS = ("solver", "train_val", "deploy", "batch_size", "epochs", "iterations", "weights")
Grouped = list[tuple[str, list[FoldResult]]]


def grouped(folds: Sequence[FoldResult], text: Callable[[FoldResult], str]) -> Grouped:
    """The folds by what is said of them, in the order in which it is first said; "" is left out."""
    said: dict[str, list[FoldResult]] = {}
    for fold in folds:
        said.setdefault(text(fold), []).append(fold)
    return [(words, members) for words, members in said.items() if words]


def where(run: RunResult, folds: Sequence[FoldResult]) -> str:
    """'' where something holds for all scored folds, else 'fold 0: ' or 'folds 0,2: '."""
    if len(folds) == len(run.folds):
        return ""
    return f"{_numbers(folds)}: "


def weights_line(fold: FoldResult) -> str:
    """The source weights of one fold in words; of an adapted net the whole chain, the nearest first."""
    return ", from ".join(chain(fold.recipe))


def chain(recipe: Recipe | None) -> list[str]:
    """Where the weights of a training came from: each adapted net and its data, then the first weights of all."""
    if recipe is None:
        return ["not recorded"]
    if recipe.source is None:
        if recipe.weights is None:
            return ["none: Gaussian values in every layer"]
        return [f"{recipe.weights.name}, sha256 {recipe.weights.weights_sha[:12]}"]
    source, data = recipe.source, recipe.source.dataset
    net = f"ConvNet-T of {source.run}, fold {source.fold}, sha256 {source.weights_sha[:12]}"
    of = f"trained on {data.name} ({data.cells} cells, {data.dataset_sha[:12]})"
    return [f"{net}, {of}", *chain(source.recipe)]


def weights_text(run: RunResult) -> str:
    """The source weights of a run, fold by fold where they differ; of an external set the nets that scored it."""
    if run.record.external:
        return "; ".join(f"{net.folder}, sha256 {net.weights_sha[:12]}" for net in run.record.external.nets)
    found = grouped(run.folds, weights_line)
    return "; ".join(f"{where(run, folds)}{words}" for words, folds in found) or "-"


def origin_notes(run: RunResult) -> list[str]:
    """What must be said of how the folds were trained; an external set's own note says whose nets scored it."""
    if run.record.external:
        return _scoring(run)

    def weights(fold: FoldResult) -> str:
        recipe = fold.recipe
        if recipe is None:
            return BY_HAND
        if source := recipe.source:
            what = f"adapted: all eight layers began as those of {source.run}, fold {source.fold}"
            return f"{what}, trained on {source.dataset.name}; not the paper's transfer"
        if recipe.weights is None:
            return "started from Gaussian values: nothing was transferred from ImageNet"
        name = recipe.weights.name
        return "" if name == CAFFENET else f"weights {name}, not the paper's {CAFFENET}"

    notes = [f"{where(run, folds)}{words}" for words, folds in grouped(run.folds, weights)]

    def selection(fold: FoldResult) -> str:
        if fold.begun:
            return UNFINISHED
        if fold.model is None or fold.model.select != "paper":
            return ""
        return run.record.selection_caveat or AS_IN_THE_PAPER

    notes += [f"{where(run, folds)}{words}" for words, folds in grouped(run.folds, selection)]
    return [*notes, *_recipes(run), *_scoring(run)]


def _recipes(run: RunResult) -> list[str]:
    """A line where the folds were not all trained with the same solver, net, counts and weights."""
    known = {fold.fold: fold.recipe for fold in run.folds if fold.recipe}
    kinds: dict[str, list[int]] = {}
    for number, recipe in known.items():
        kinds.setdefault(recipe.recipe_sha, []).append(number)
    if len(kinds) < 2:
        return []
    parts = [part for part in PARTS if len({getattr(recipe, part) for recipe in known.values()}) > 1]
    sides = " against ".join(f"fold{'s' * (len(n) != 1)} {','.join(map(str, n))}" for n in kinds.values())
    return [
        f"the folds were not trained alike ({sides}: other {', '.join(parts)}): no mean over them is one experiment's"
    ]


def scored_how(run: RunResult) -> dict[str, list[FoldResult]]:
    """How the scores at the true centres were made, and which folds' were."""
    return dict(grouped(run.folds, lambda fold: made(fold.made[0])))


def _scoring(run: RunResult) -> list[str]:
    """A line where the folds' scores were not all made alike, at their true centres and under each shift."""
    usual = _most_common([made(fold.made[0]) for fold in run.folds])
    notes = []
    for shift in (0, 5, 10):
        folds = run.folds_with(f"shift{shift}") if shift else run.folds
        kinds = grouped(folds, lambda fold, shift=shift: made(fold.made[shift]))
        if any(words != usual for words, _ in kinds):
            sides = "; ".join(f"{words} ({_numbers(members)})" for words, members in kinds)
            what = f"scores with centres moved by up to {shift} px" if shift else "scores"
            than = f", at the true centres {usual}" if shift else ", which do not belong together"
            notes.append(f"{what}: {sides}{than}")
    return notes


def made(record: ScoreRecord) -> str:
    """How scores were made: views and crops, engine and precision."""
    return f"{record.views} views x {record.crops} crops by {record.engine} in {record.precision}"


def _most_common(words: list[str]) -> str:
    return max(words, key=words.count, default="")


def _numbers(folds: Sequence[FoldResult]) -> str:
    return f"fold{'s' * (len(folds) != 1)} {','.join(str(fold.fold) for fold in folds)}"
