"""What Tables 3 and 5 share: their columns, a run's rows, and rows of cited figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from deeppap.report.notes import labels
from deeppap.scoring.results import RunResult
from deeppap.stats.metrics import METRICS, percent
from deeppap.stats.performance import summary

COLUMNS = ["method", "cells", "Sens (%)", "Spec (%)", "Acc (%)", "H-mean (%)", "F (%)", "AUC"]
CITED = "rows marked 'cited' are other people's figures, not measured by us; '-' is not given or undefined"


def our_rows(runs: Sequence[RunResult]) -> tuple[list[list], dict[str, Any]]:
    """Three rows for each run and shift of the centres that is scored, and the same figures by run and shift."""
    rows, data = [], {}
    for label, run in zip(labels(runs), runs, strict=True):
        data[label] = {}
        for pixels in (0, 5, 10):
            folds = run.folds_with(f"shift{pixels}") if pixels else run.folds
            if not folds:
                continue
            figures = summary(folds, pixels, run.groups(folds))
            data[label][f"shift{pixels}"] = figures
            what = f"{label}, centres shifted by up to {pixels} px" if pixels else label
            rows += _three_rows(what, run.fold_text(folds), figures)
    return rows, data


def cited_row(name: str, known: Mapping[str, Any], cells: int | None = None) -> list:
    """A row of someone else's figures; a metric that is not `known` is a dash."""
    return [f"{name} (cited)", cells, *[metric_text(metric, known.get(metric)) for metric in METRICS]]


def metric_text(metric: str, value: float | None) -> str:
    """A metric as the paper prints it: AUC with three decimals, the others in percent."""
    if value is None:
        return "-"
    return f"{value:.3f}" if metric == "auc" else percent(value)


def _three_rows(what: str, fold_text: str, figures: Mapping[str, Any]) -> list[list]:
    """Mean over folds, pooled, and the pooled figures' interval."""
    spread = [_mean_text(name, figures["over_folds"][name], len(figures["folds"])) for name in METRICS]
    pooled = [metric_text(name, figures["pooled"][name]) for name in METRICS]
    ranges = [_range_text(name, figures["interval"][name]) for name in METRICS]
    cells = figures["cells"]
    return [
        [f"{what}: mean ± std, {fold_text}", cells, *spread],
        [f"{what}: pooled, {fold_text}", cells, *pooled],
        [f"{what}: pooled, 95 % interval", cells, *ranges],
    ]


def _mean_text(metric: str, spread: Mapping[str, Any], folds: int) -> str:
    text = metric_text(metric, spread["mean"])
    if spread["std"] is not None:
        text += f" ± {metric_text(metric, spread['std'])}"
    # a metric can be undefined in a fold that holds one class alone
    return text if spread["folds"] in (0, folds) else f"{text} (of {spread['folds']})"


def _range_text(metric: str, limits: tuple[float, float] | None) -> str:
    return "-" if limits is None else f"{metric_text(metric, limits[0])}-{metric_text(metric, limits[1])}"
