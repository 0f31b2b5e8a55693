"""All figures of one or several runs, in the report's order."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from deeppap.report.figures import curves, net, photos
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.figures.style import Plot
from deeppap.report.runs import Run
from deeppap.report.tables.comparison import adapted_runs

OF_DATA = (photos.views, photos.examples)
OF_NET = (net.learning, net.filters, net.activations)
OF_CELLS = (photos.right_abnormal, photos.right_normal, photos.misclassified, photos.heatmaps)
SHARED = (curves.roc, curves.calibration, curves.accuracy_against_views, curves.by_angle)


def all_figures(runs: Sequence[Run]) -> Iterator[Plot]:
    """Every figure, ready to draw without arguments: run after run in the paper's order, then what runs share."""
    datasets = []
    for run in runs:
        pictures = CellPictures(run.result)
        # figures of the data set alone are shown once
        of_data = () if run.record.dataset in datasets else OF_DATA
        datasets.append(run.record.dataset)
        yield from (_of_run(plot, runs, run, pictures) for plot in of_data)
        yield from (_of_run(plot, runs, run) for plot in OF_NET)
        yield from (_of_run(plot, runs, run, pictures) for plot in OF_CELLS)
    for run in runs:
        plot = _of_run(curves.scores_by_class, runs, run)
        yield replace(plot, caption=f"{plot.caption} Scored: {run.result.fold_text()}.")
    for plot in SHARED:
        yield replace(plot, draw=partial(plot.draw, runs))
    adapted = adapted_runs(runs)
    for number, found in enumerate(adapted, 1):
        name = f"adapting-{number}" if len(adapted) > 1 else "adapting"
        yield replace(curves.adapting, name=name, draw=partial(curves.adapting.draw, found))
    for run in runs:
        if run.says_classes:
            yield _of_run(curves.confusion, runs, run)


def _of_run(plot: Plot, runs: Sequence[Run], run: Run, *more: object) -> Plot:
    """A figure of one run; among several runs its name and title say which."""
    draw = partial(plot.draw, run, *more)
    # the usual report is of one run: its files have plain names
    if len(runs) == 1:
        return replace(plot, draw=draw)
    name = f"{plot.name}-{runs.index(run) + 1}-{slug(run.result.name)}"
    return replace(plot, name=name, title=f"{plot.title} ({run.label})", draw=draw)


def slug(text: str) -> str:
    """A run's name as a part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:60] or "run"
