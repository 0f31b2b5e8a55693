"""Each run beside what needs no net, on the same cells: what its figures must be read beside."""

from collections.abc import Mapping, Sequence
from typing import Any

from measures.baseline_metrics import baseline_metrics
from measures.by_class import seven_class_accuracy
from measures.metrics import binary_metrics, percent
from reporting.notes import scored, table_notes
from reporting.tables.baseline_titles import TITLES
from reporting.tables.table import Table, filled
from scoring.results import RunResult

COLUMNS = ["run", "method", "Acc (%)", "Sens (%)", "Spec (%)", "seven-way Acc (%)"]
NOTES = (
    "a figure no better than the file name's says nothing about cells",
    "the row about groups is a share of the test cells of all folds, not an accuracy",
)


def baselines_table(runs: Sequence[RunResult]) -> Table | None:
    """The net, every baseline, and how many test cells have one of their group in training; None without a run."""
    rows, data = [], {}
    for label, run in scored(runs):
        what = f"{label}, {run.fold_text()}"
        rows.append([what, "the net", *_net_shares(run)])
        data[label] = {}
        if not run.baselines:
            continue
        for name, title in TITLES.items():
            metrics = data[label][name] = baseline_metrics(run, name)
            if metrics:
                rows.append([what, title, *_shares(metrics), percent(metrics["seven_class_acc"])])
        siblings = run.baselines.get("sibling_share", {})
        if "share" in siblings:
            data[label]["sibling_share"] = siblings
            rows.append([what, *_sibling_row(siblings)])
    return filled("baselines", "Baselines without a net", COLUMNS, rows, table_notes(runs, *NOTES), data)


def _net_shares(run: RunResult) -> list[str]:
    seven = seven_class_accuracy(run) if run.classes == 7 and run.has_class7 else None
    return [*_shares(binary_metrics(run.pooled("labels"), run.pooled("scores"))), percent(seven)]


def _shares(metrics: Mapping[str, Any]) -> list[str]:
    return [percent(metrics[name]) for name in ("acc", "sens", "spec")]


def _sibling_row(siblings: Mapping[str, Any]) -> list:
    text = f"{siblings['siblings']}/{siblings['cells']} test cells have one of their group in training"
    return [text, percent(siblings["share"]), None, None, None]
