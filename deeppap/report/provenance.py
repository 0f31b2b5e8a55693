"""What each fold's model says of where it comes from; what nobody recorded is called that, never guessed."""

from collections.abc import Callable, Sequence
from typing import Any

from deeppap.records.request import selection_caveat
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.adapting import source_in, source_of

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


def weights_line(run: RunResult, fold: FoldResult) -> str:
    """The source weights of one fold in words; of an adapted net the whole chain, the nearest first."""
    if source_of(fold):
        return ", from ".join(chain(fold.trained or {}))
    return _weights_text(run.weights_of(fold))


def _weights_text(weights: dict[str, Any] | None) -> str:
    if weights is None:
        return "none: Gaussian values in every layer"
    return f"{weights.get('name')}, sha256 {str(weights.get('sha256'))[:12]}" if weights else "not recorded"


def chain(recipe: dict[str, Any]) -> list[str]:
    """Where the weights of a training came from: each adapted net and its data, then the first weights of all."""
    source = recipe.get("source")
    if not isinstance(source, dict):
        return [_weights_text(recipe.get("weights", {}))]
    data, trained = source.get("dataset") or {}, source.get("trained")
    net = f"ConvNet-T of {source.get('run')}, fold {source.get('fold')}, sha256 {str(source.get('sha256'))[:12]}"
    of = f"trained on {data.get('name')} ({data.get('cells')} cells, {str(data.get('fingerprint'))[:12]})"
    return [f"{net}, {of}", *chain(trained if isinstance(trained, dict) else {})]


def sets_before(source: Any) -> list[str]:
    """The data that a source net had been trained on, and its own source before it."""
    if not isinstance(source, dict):
        return []
    return [str((source.get("dataset") or {}).get("name")), *sets_before(source_in(source))]


def weights_text(run: RunResult) -> str:
    """The source weights of a run, fold by fold where they differ; of an external set the nets that scored it."""
    if "external" in run.run:
        nets = run.run["external"]["nets"]
        return "; ".join(f"{net.get('folder')}, sha256 {str(net.get('sha256'))[:12]}" for net in nets)
    found = grouped(run.folds, lambda fold: weights_line(run, fold))
    return "; ".join(f"{where(run, folds)}{words}" for words, folds in found) or "-"


def origin_notes(run: RunResult) -> list[str]:
    """What must be said of how the folds were trained; an external set's own note says whose nets scored it."""
    if "external" in run.run:
        return _scoring(run)

    def weights(fold: FoldResult) -> str:
        if source := source_of(fold):
            what = f"adapted: all eight layers began as those of {source.get('run')}, fold {source.get('fold')}"
            return f"{what}, trained on {(source.get('dataset') or {}).get('name')}; not the paper's transfer"
        known = run.weights_of(fold)
        if known is None:
            return "started from Gaussian values: nothing was transferred from ImageNet"
        if not known:
            return BY_HAND if not fold.model else "which weights it started from is not recorded"
        return "" if known.get("name") == CAFFENET else f"weights {known.get('name')}, not the paper's {CAFFENET}"

    notes = [f"{where(run, folds)}{words}" for words, folds in grouped(run.folds, weights)]

    def selection(fold: FoldResult) -> str:
        if fold.begun:
            return UNFINISHED
        if fold.model.get("select") != "paper":
            return ""
        return selection_caveat(run.run["protocol"], "paper") or AS_IN_THE_PAPER

    notes += [f"{where(run, folds)}{words}" for words, folds in grouped(run.folds, selection)]
    return [*notes, *_recipes(run), *_scoring(run)]


def _recipes(run: RunResult) -> list[str]:
    """A line where the folds were not all trained with the same solver, net, counts and weights."""
    trained = {fold.fold: fold.trained for fold in run.folds}
    known: dict[int, dict[str, Any]] = {number: recipe for number, recipe in trained.items() if recipe}
    kinds: dict[str, list[int]] = {}
    for number, recipe in known.items():
        kinds.setdefault(str(recipe.get("fingerprint")), []).append(number)
    if len(kinds) < 2:
        return []
    parts = [part for part in PARTS if len({str(recipe.get(part)) for recipe in known.values()}) > 1]
    sides = " against ".join(f"fold{'s' * (len(n) != 1)} {','.join(map(str, n))}" for n in kinds.values())
    return [
        f"the folds were not trained alike ({sides}: other {', '.join(parts)}): no mean over them is one experiment's"
    ]


def scored_how(run: RunResult) -> dict[str, list[FoldResult]]:
    """How the scores at the true centres were made, and which folds' were."""
    return dict(grouped(run.folds, lambda fold: made(fold.how.get(0) or fold.evaluation)))


def _scoring(run: RunResult) -> list[str]:
    """A line where the folds' scores were not all made alike, at their true centres and under each shift."""
    usual = _most_common([made(fold.how.get(0) or fold.evaluation) for fold in run.folds])
    notes = []
    for shift in (0, 5, 10):
        folds = run.folds_with(f"shift{shift}") if shift else run.folds
        kinds = grouped(folds, lambda fold, shift=shift: made(_record(fold, shift)))
        if any(words != usual for words, _ in kinds):
            sides = "; ".join(f"{words} ({_numbers(members)})" for words, members in kinds)
            what = f"scores with centres moved by up to {shift} px" if shift else "scores"
            than = f", at the true centres {usual}" if shift else ", which do not belong together"
            notes.append(f"{what}: {sides}{than}")
    return notes


def _record(fold: FoldResult, shift: int) -> dict[str, Any]:
    return fold.how.get(shift) or ({} if shift else fold.evaluation)


def made(record: dict[str, Any]) -> str:
    """How scores were made: views and crops, engine and precision."""
    if not {"views", "crops"} <= record.keys():
        return "made in a way that is not recorded"
    precision = "tf32" if record.get("tf32") else record.get("precision", "float32")
    return f"{record['views']} views x {record['crops']} crops by {record.get('engine', 'caffe')} in {precision}"


def _most_common(words: list[str]) -> str:
    return max(words, key=words.count, default="")


def _numbers(folds: Sequence[FoldResult]) -> str:
    return f"fold{'s' * (len(folds) != 1)} {','.join(str(fold.fold) for fold in folds)}"
