"""What must be said beside every figure of a run: where its nets come from, how they were scored, how it was split."""

from collections import Counter
from collections.abc import Callable, Sequence

from deeppap.records import ExternalRecord, Recipe, ScoreRecord
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.baselines import sibling_share
from deeppap.stats.metrics import percent
from deeppap.training.snapshots import kept

CAFFENET = "bvlc_reference_caffenet.caffemodel"
BY_HAND = (
    "trained by `caffe train` directly: the newest snapshot was scored; its source weights and losses are not recorded"
)
UNFINISHED = "its training has not ended: the newest snapshot was scored, which no rule selected"
AS_IN_THE_PAPER = "the snapshot was chosen by its loss on the very fold that is reported, as in the paper"
# parts of a recipe that can differ between the folds of a run
PARTS = ("solver", "train_val", "deploy", "batch_size", "epochs", "iterations", "weights_sha")


def run_notes(run: RunResult) -> list[str]:
    """Every reason why a run's figures do not follow the paper's protocol, and how it was split."""
    record = run.record
    notes = []
    if record.dataset.phantom:
        notes.append("the cells are synthetic (phantom): the run tests the programs, and its metrics mean nothing")
    if record.profile != "paper":
        notes.append(f"profile {record.profile}: fewer views and epochs, not the paper's protocol")
    if not record.external:
        notes += [*_by_fold(run, _weights_note), *_by_fold(run, lambda fold: _selection_note(run, fold))]
        notes += _recipe_notes(run)
    # these are asked of an external set, too
    notes += _scoring_notes(run)
    if record.control:
        notes.append(f"control run ({record.control}): trained on wrong labels on purpose")
    # an external set's nets may know their own cells well
    notes += _by_fold(run, lambda fold: f"{'on this set: ' * bool(record.external)}{fold.doubt}" if fold.doubt else "")
    if run.missing_folds:
        notes.append(f"only {run.fold_text()}: the others are not scored" if run.folds else "no fold is scored yet")
    notes.append(_external_note(run, record.external) if record.external else _split_note(run))
    return notes


def grouped(folds: Sequence[FoldResult], text: Callable[[FoldResult], str]) -> list[tuple[str, list[FoldResult]]]:
    """The folds by what `text` says of them, in the order in which it is first said; "" is left out."""
    said: dict[str, list[FoldResult]] = {}
    for fold in folds:
        said.setdefault(text(fold), []).append(fold)
    return [(words, members) for words, members in said.items() if words]


def where(run: RunResult, folds: Sequence[FoldResult]) -> str:
    """'' if something holds for all scored folds, else 'fold 0: ' or 'folds 0,2: '."""
    return "" if len(folds) == len(run.folds) else f"{_numbers(folds)}: "


def weights_text(run: RunResult) -> str:
    """The source weights of a run, by fold if they differ; of an external set the nets that scored it."""
    if run.record.external:
        return "; ".join(f"{net.folder}, sha256 {net.weights_sha[:12]}" for net in run.record.external.nets)
    return "; ".join(_by_fold(run, weights_of)) or "-"


def weights_of(fold: FoldResult) -> str:
    """The source weights of one fold; of an adapted net the whole chain, the nearest first."""
    return ", from ".join(_chain(fold.recipe))


def made(record: ScoreRecord) -> str:
    """How scores were made: views and crops, engine and precision."""
    return f"{record.views} views x {record.crops} crops by {record.engine} in {record.precision}"


def _by_fold(run: RunResult, text: Callable[[FoldResult], str]) -> list[str]:
    """A line for each thing that is said of some folds, with their numbers unless it holds for all."""
    return [f"{where(run, folds)}{words}" for words, folds in grouped(run.folds, text)]


def _numbers(folds: Sequence[FoldResult]) -> str:
    return f"fold{'s' * (len(folds) != 1)} {','.join(str(fold.fold) for fold in folds)}"


def _chain(recipe: Recipe | None) -> list[str]:
    """Where the weights of a training came from: each adapted net and its data, then the first weights of all."""
    # never guessed: Caffe may have been started by hand
    if recipe is None:
        return ["not recorded"]
    if recipe.source is None:
        start = recipe.weights
        return [f"{start.name}, sha256 {start.weights_sha[:12]}" if start else "none: Gaussian values in every layer"]
    source, data = recipe.source, recipe.source.dataset
    net = f"ConvNet-T of {source.run}, fold {source.fold}, sha256 {source.weights_sha[:12]}"
    of = f"trained on {data.name} ({data.cells} cells, {data.dataset_sha[:12]})"
    return [f"{net}, {of}", *_chain(source.recipe)]


def _weights_note(fold: FoldResult) -> str:
    if source := fold.source:
        if fold.not_adapted:
            return f"{kept(fold.blend.share)}: {source.run}, fold {source.fold}, trained on {source.dataset.name}"
        start = f"adapted: all eight layers started from {source.run}, fold {source.fold}"
        mean = f"; {kept(fold.blend.share)}" if fold.blend else ""
        return f"{start}, trained on {source.dataset.name}; not the paper's transfer{mean}"
    if fold.recipe is None:
        return "the weights it started from are not recorded" if fold.model else BY_HAND
    if fold.recipe.weights is None:
        return "started from Gaussian values: nothing was transferred from ImageNet"
    name = fold.recipe.weights.name
    return "" if name == CAFFENET else f"weights {name}, not the paper's {CAFFENET}"


def _selection_note(run: RunResult, fold: FoldResult) -> str:
    if fold.begun:
        return UNFINISHED
    if fold.model is None or fold.model.select != "paper":
        return ""
    return run.record.selection_caveat or AS_IN_THE_PAPER


def _recipe_notes(run: RunResult) -> list[str]:
    """A line if the folds were not all trained with the same solver, net, counts and weights."""
    # one digest of the recipe is compared: equal prototxt files in other folders are the same
    kinds = grouped(run.folds, lambda fold: fold.recipe.recipe_sha if fold.recipe else "")
    if len(kinds) < 2:
        return []
    recipes = [folds[0].recipe for _, folds in kinds]
    parts = [part.removesuffix("_sha") for part in PARTS if len({str(getattr(recipe, part)) for recipe in recipes}) > 1]
    sides = " against ".join(_numbers(folds) for _, folds in kinds)
    return [
        f"the folds were trained differently ({sides}: {', '.join(parts)}): their mean is not that of one experiment"
    ]


def _scoring_notes(run: RunResult) -> list[str]:
    """A line for each shift of the centres whose scores were not made as most scores at the true centres."""
    ways = [made(fold.made[0]) for fold in run.folds]
    # the odd one out is named, not the many
    usual = max(ways, key=ways.count, default="")
    notes = []
    for shift in (0, 5, 10):
        folds = run.folds_with(f"shift{shift}") if shift else run.folds
        kinds = grouped(folds, lambda fold, shift=shift: made(fold.made[shift]))
        if all(words == usual for words, _ in kinds):
            continue
        sides = "; ".join(f"{words} ({_numbers(members)})" for words, members in kinds)
        if shift:
            notes.append(f"scores with centres moved by up to {shift} px: {sides}, at the true centres {usual}")
        else:
            notes.append(f"scores: {sides}, which do not belong together")
    return notes


def _split_note(run: RunResult) -> str:
    """How many test cells have siblings in training, counted in the run's own split."""
    protocol = f"{run.record.protocol} folds"
    found = sibling_share(run.cells.values(), run.split.folds)
    if "skipped" in found:
        return f"{protocol}: the data set does not say which cells were captured together"
    if found["share"] == 0:
        return f"{protocol}: no test cell has a cell of its field in training"
    return f"{protocol}: {percent(found['share'])} % of test cells have a cell of their field in training"


def kept_of_nets(external: ExternalRecord) -> list[str]:
    """Which weights the nets that scored an external set kept when they were adapted, the least adapted first."""
    shares = [net.share for net in external.nets]
    counts = sorted(Counter(share for share in shares if share is not None).items())
    return [f"{'' if count == len(shares) else f'{count} of them '}{kept(share)}" for share, count in counts]


def _external_note(run: RunResult, external: ExternalRecord) -> str:
    """Which nets scored an external set, and at what size of pixel."""
    before = external.source.datasets if external.source else []
    sets = ", before that on ".join([external.trained_on, *before])
    own = f"external: cells that the net has not learned from; trained on {sets}, {len(external.nets)} net(s)"
    own += "".join(f"; {line}" for line in kept_of_nets(external))
    for fold in run.folds:
        own += f"; {fold.made[0].views} view(s) x {fold.made[0].crops} crops a cell"
    if external.left_out:
        own += f"; {len(external.left_out)} images that the net learned from are left out"
    if external.out_of_distribution is not None:
        own += f"; {external.out_of_distribution} of its cells are out of distribution"
    data = run.record.dataset
    if data.resampled_um:
        sizes = " and ".join(f"{size:g}" for size in data.resampled_um)
        return f"{own}; images of {sizes} um a pixel, resampled to {data.pixel_um:g}"
    if external.training_um is None or data.pixel_um is None:
        return f"{own}; the size of a pixel is not known on both sides, images scored as they are"
    return f"{own}; images of {data.pixel_um:g} um a pixel, as those of the training"
