"""A run of several data sets, set by set."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_prep.dataset import SEPARATOR
from deeppap.report.runs import Run, interval_notes, table_of_runs
from deeppap.report.table import Rows, Table, metric_interval
from deeppap.report.tables.comparison import baseline_of
from deeppap.stats.baselines import answers_of, judged_net
from deeppap.stats.metrics import METRICS, binary_metrics

# what tells a set apart without its cells: where it tells the label too, the net may have learned that
LOOKS = {"background_colour": "AUC: colour alone", "picture_size": "image size alone", "nucleus_area": "nucleus alone"}


def by_set(runs: Sequence[Run]) -> Table | None:
    """A row for each set of each run that was trained on several, and one for all; None without such a run."""
    notes = [
        "colour outside the nucleus region, size of the image, and nucleus area are baselines without a net, trained "
        "on the cells of all sets; where one is good in a set, that set's looks tell the label",
        *interval_notes(runs),
    ]
    columns = ["run", "set", "cells", "abnormal", "Acc (%)", "Sens (%)", "Spec (%)", "AUC", *LOOKS.values()]
    return table_of_runs("by_set", "Set by set", columns, runs, _rows, notes)


def _rows(run: Run) -> tuple[Rows, dict[str, Any]] | None:
    names = [one.name for one in run.record.dataset.sets]
    if not names:
        return None
    of = np.array([cell.partition(SEPARATOR)[0] for cell in run.result.ids])
    rows, data = [], {}
    for one, inside in [(name, of == name) for name in names] + [("all", np.ones(len(of), bool))]:
        if not inside.any():  # a fold may have none of a small set
            continue
        labels, groups = run.labels[inside], None if run.groups is None else run.groups[inside]
        net = judged_net(labels, run.scores[inside], run.probs[inside], None, groups)
        ids = [cell for cell, own in zip(run.result.ids, inside, strict=True) if own]
        looks = {name: _auc(baseline_of(run, name), ids, labels) for name in LOOKS}
        figures = [metric_interval(m, net[m], net["interval"][m]) for m in ("acc", "sens", "spec", "auc")]
        beside = [None if auc is None else f"{auc:.3f}" for auc in looks.values()]
        rows.append([run.title, one, len(labels), int(labels.sum()), *figures, *beside])
        data[one] = {"net": {metric: net[metric] for metric in METRICS}, "looks": looks}
    return rows, data


def _auc(baseline: Mapping[str, Any] | None, ids: list[str], labels: np.ndarray) -> float | None:
    """The area under a baseline's curve over these cells; None if the run has skipped it."""
    return binary_metrics(labels, answers_of(baseline, ids)[0])["auc"] if baseline else None
