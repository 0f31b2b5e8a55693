"""Tables 3 and 5 of the paper: ours beside the paper's and the earlier methods'."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from measures.intervals import interval
from measures.metrics import METRICS, binary_metrics, mean_and_std, percent
from reporting.notes import labels, table_notes
from reporting.paper import paper, right_in_all
from reporting.tables.beside_paper import beside_the_papers_interval, interval_notes
from reporting.tables.table import Table
from scoring.results import FoldResult, RunResult

COLUMNS = ["method", "cells", "Sens (%)", "Spec (%)", "Acc (%)", "H-mean (%)", "F (%)", "AUC"]
CITED = "rows marked 'cited' are other people's figures, not measured by us; '-' is not given or undefined"
EARLIER = "the earlier methods were judged in several ways (10-fold, leave-one-out): not strictly comparable"


def table3(runs: Sequence[RunResult]) -> Table | None:
    """Herlev-shaped runs beside the paper's ConvNet-T (paper: Table 3); None without such a run."""
    runs = [run for run in runs if run.has_class7 and run.folds]
    if not runs:
        return None
    rows = [
        _cited("paper: ConvNet-T", paper()["herlev"], right_in_all()[1]),
        _cited("paper: ConvNet-T, centres shifted by up to 10 px", paper()["herlev_shift10"], right_in_all()[1]),
    ]
    ours, data = _our_rows(runs)
    earlier = [_cited(item["name"], item) for item in paper()["earlier_methods"]]
    later = [_cited(item["name"], item) for item in paper()["later"]]
    notes = table_notes(runs, CITED, EARLIER, *interval_notes(runs), *beside_the_papers_interval(runs))
    return Table(
        "table3",
        "Table 3: performance (the paper's on Herlev)",
        COLUMNS,
        [*rows, *ours, *earlier, *later],
        notes,
        {"runs": data},
    )


def table5(runs: Sequence[RunResult]) -> Table | None:
    """Runs on manifest sets beside the paper's on HEMLBC (paper: Table 5); None without such a run."""
    runs = [run for run in runs if not run.has_class7 and run.folds]
    if not runs:
        return None
    earlier = paper()["hemlbc_earlier"]
    rows = [_cited("paper: ConvNet-T on HEMLBC", paper()["hemlbc"], 1978), _cited(earlier["name"], earlier)]
    ours, data = _our_rows(runs)
    notes = table_notes(
        runs, CITED, *interval_notes(runs), "HEMLBC is private: our rows are other cells than the paper's"
    )
    return Table(
        "table5",
        "Table 5: performance on a set of one's own (the paper's on HEMLBC)",
        COLUMNS,
        [*rows, *ours],
        notes,
        {"runs": data},
    )


def summary(folds: Sequence[FoldResult], pixels: int = 0, groups: np.ndarray | None = None) -> dict[str, Any]:
    """Metrics of every fold, their mean and deviation, and of all cells pooled with 95 % intervals by `groups`."""
    each = [binary_metrics(fold.labels, fold.shifted(pixels)) for fold in folds]
    truth = np.concatenate([fold.labels for fold in folds])
    score = np.concatenate([fold.shifted(pixels) for fold in folds])
    return {
        "cells": len(truth),
        "folds": [{"fold": fold.fold, **found} for fold, found in zip(folds, each, strict=True)],
        "over_folds": {name: mean_and_std([found[name] for found in each]) for name in METRICS},
        "pooled": binary_metrics(truth, score),
        "interval": {name: interval(truth, score, name, groups) for name in METRICS},
    }


def _our_rows(runs: Sequence[RunResult]) -> tuple[list[list], dict[str, Any]]:
    rows, data = [], {}
    for label, run in zip(labels(runs), runs, strict=True):
        data[label] = {}
        for pixels in (0, 5, 10):
            folds = run.folds_with(f"shift{pixels}") if pixels else run.folds
            if not folds:
                continue
            found = summary(folds, pixels, run.groups(folds))
            data[label][f"shift{pixels}"] = found
            what = f"{label}, centres shifted by up to {pixels} px" if pixels else label
            rows += _three_rows(what, run.fold_text(folds), found)
    return rows, data


def _three_rows(what: str, fold_text: str, found: Mapping[str, Any]) -> list[list]:
    """Mean over folds, pooled, and the pooled figures' interval."""
    spread = [_mean_text(name, found["over_folds"][name], len(found["folds"])) for name in METRICS]
    pooled = [figure(name, found["pooled"][name]) for name in METRICS]
    ranges = [_range_text(name, found["interval"][name]) for name in METRICS]
    cells = found["cells"]
    return [
        [f"{what}: mean ± std, {fold_text}", cells, *spread],
        [f"{what}: pooled, {fold_text}", cells, *pooled],
        [f"{what}: pooled, 95 % interval", cells, *ranges],
    ]


def figure(name: str, value: float | None) -> str:
    """A metric as the paper prints it: AUC with three decimals, the others in percent."""
    if value is None:
        return "-"
    return f"{value:.3f}" if name == "auc" else percent(value)


def _mean_text(name: str, found: Mapping[str, Any], folds: int) -> str:
    text = figure(name, found["mean"])
    if found["std"] is not None:
        text += f" ± {figure(name, found['std'])}"
    return text if found["folds"] in (0, folds) else f"{text} (of {found['folds']})"


def _range_text(name: str, limits: tuple[float, float] | None) -> str:
    return "-" if limits is None else f"{figure(name, limits[0])}-{figure(name, limits[1])}"


def _cited(name: str, known: Mapping[str, Any], cells: int | None = None) -> list:
    return [f"{name} (cited)", cells, *[figure(metric, known.get(metric)) for metric in METRICS]]
