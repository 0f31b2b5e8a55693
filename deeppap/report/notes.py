"""What must be said beside every figure of a run."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from deeppap.records import ExternalRecord
from deeppap.report.provenance import origin_notes, where
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.baselines import sibling_share
from deeppap.stats.metrics import percent

T = TypeVar("T")


def labels(runs: Sequence[RunResult]) -> list[str]:
    """How each run is called in tables: its folder's name, numbered where two share it."""
    names = [run.name for run in runs]
    repeated = {name for name, count in Counter(names).items() if count > 1}
    return [f"{name} ({i + 1})" if name in repeated else name for i, name in enumerate(names)]


def scored(runs: Sequence[RunResult]) -> list[tuple[str, RunResult]]:
    """The runs with at least one scored fold, under their labels."""
    return [(label, run) for label, run in zip(labels(runs), runs, strict=True) if run.folds]


def is_phantom(run: RunResult) -> bool:
    """Whether the run's cells were drawn by a program."""
    return run.record.dataset.phantom


def run_notes(run: RunResult) -> list[str]:
    """Every reason why a run's figures are not the paper's protocol, and how it was split."""
    record = run.record
    notes = []
    if is_phantom(run):
        notes.append("the cells are a drawing (phantom): this tries the programs and is no result")
    if record.profile != "paper":
        notes.append(f"profile {record.profile}: fewer views and epochs, not the paper's protocol")
    notes += origin_notes(run)
    if record.control:
        notes.append(f"control run ({record.control}): wrong on purpose")
    notes += [f"{where(run, [fold])}{line}" for fold in run.folds if (line := _doubt(run, fold))]
    if run.missing_folds:
        notes.append(f"only {run.fold_text()}: the others are not scored" if run.folds else "no fold is scored yet")
    notes.append(_split(run))
    return notes


def _doubt(run: RunResult, fold: FoldResult) -> str | None:
    """What speaks against a fold's net; of an external set only what it shows there, for it may know its own cells."""
    return fold.doubt and (f"on this set {fold.doubt}" if run.record.external else fold.doubt)


def table_notes(runs: Sequence[RunResult], *more: str) -> list[str]:
    """The notes of all runs, each once with the runs it holds for, after a table's own."""
    holds = notes_held(zip(labels(runs), runs, strict=True))
    return [*more, *[f"{', '.join(names)}: {note}" for note, names in holds.items()]]


def notes_held(runs: Iterable[tuple[T, RunResult]]) -> dict[str, list[T]]:
    """Each note of any of the runs once, with what stands for those that it holds for."""
    holds: dict[str, list[T]] = {}
    for named, run in runs:
        for note in run_notes(run):
            holds.setdefault(note, []).append(named)
    return holds


def _split(run: RunResult) -> str:
    """How much training and test may know of each other, counted in the run's own split."""
    if run.record.external:
        return _external(run, run.record.external)
    protocol = f"{run.record.protocol} folds"
    if any(cell.group is None for cell in run.cells.values()):
        return f"{protocol}: the data set does not say which cells were captured together"
    share = sibling_share(list(run.cells.values()), run.split.folds)["share"]
    if share == 0:
        return f"{protocol}: no test cell has a cell of its field in training"
    return f"{protocol}: {percent(share)} % of test cells have a cell of their field in training"


def _external(run: RunResult, facts: ExternalRecord) -> str:
    """Who was asked, and at what size of pixel."""
    sets = ", before that on ".join([facts.trained_on, *(facts.source.datasets if facts.source else [])])
    own = f"external: a set that the net has not seen; trained on {sets}, {len(facts.nets)} net(s)"
    for fold in run.folds:
        own += f"; {fold.made[0].views} view(s) x {fold.made[0].crops} crops a cell"
    if facts.out_of_distribution is not None:
        own += f"; {facts.out_of_distribution} of its cells are unlike the training cells"
    pixel_um = run.record.dataset.pixel_um
    if facts.enlarged is None and None not in (facts.training_um, pixel_um):
        return f"{own}; images of {pixel_um:g} um a pixel, trained at {facts.training_um:g}, scored as they are"
    if facts.enlarged is None:
        return f"{own}; the size of a pixel is not known on both sides, images scored as they are"
    return f"{own}; images enlarged {facts.enlarged:.3f} times to {facts.training_um:g} um a pixel"
