"""All figures of one or several runs, in the report's order."""

from collections.abc import Iterator, Sequence

from deeppap.report.figures import (
    accuracy_by_views,
    activations,
    adapting,
    angles,
    calibration,
    confusion,
    examples,
    filters,
    learning,
    misclassified,
    right_cells,
    roc,
    scores_by_class,
    views,
    why,
)
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.plan import Plan
from deeppap.scoring.results import RunResult


def all_figures(runs: Sequence[RunResult]) -> Iterator[Plan]:
    """Every figure, run after run in the paper's order; what runs share comes last."""
    for number in range(len(runs)):
        yield from _of_run(runs, number)
    for number in range(len(runs)):
        yield scores_by_class.plan(runs, number)
    for shared in (roc, calibration, accuracy_by_views, angles):
        yield shared.plan(runs)
    yield from adapting.plans(runs)
    for number, run in enumerate(runs):
        if run.classes == 7:
            yield confusion.plan(runs, number)


def _of_run(runs: Sequence[RunResult], number: int) -> Iterator[Plan]:
    """Fig. 2 to 10 and where scores come from; 2 and 4, of the data set alone, where no earlier run has them."""
    run, pictures = runs[number], CellPictures(runs[number])
    if all(run.record.dataset != earlier.record.dataset for earlier in runs[:number]):
        yield views.plan(runs, number, pictures)
        yield examples.plan(runs, number, pictures)
    for of_net in (learning, filters, activations):
        yield of_net.plan(runs, number)
    yield right_cells.plan_abnormal(runs, number, pictures)
    yield right_cells.plan_normal(runs, number, pictures)
    yield misclassified.plan(runs, number, pictures)
    yield why.plan(runs, number, pictures)
