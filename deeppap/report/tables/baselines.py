"""Each run beside what needs no net, on the same cells: what its figures must be read beside."""

from collections.abc import Mapping, Sequence
from typing import Any

from deeppap.report.notes import scored, table_notes
from deeppap.report.tables.baseline_titles import TITLES
from deeppap.report.tables.ranges import interval_notes, shown
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.baseline_metrics import baseline_metrics, net_metrics
from deeppap.stats.metrics import percent

COLUMNS = ["run", "method", "Acc (%)", "Sens (%)", "Spec (%)", "AUC", "seven-way Acc (%)"]
NOTES = (
    "a figure no better than the file name's says nothing about cells",
    "the row about groups is a share of the test cells of all folds, not an accuracy",
    "AUC where a method gives chances and not only an answer",
)


def baselines_table(runs: Sequence[RunResult]) -> Table | None:
    """The net, every baseline, and how many test cells have one of their group in training; None without a run."""
    rows, data = [], {}
    for label, run in scored(runs):
        what = f"{label}, {run.fold_text()}"
        rows.append([what, "the net", *_figures(net_metrics(run))])
        data[label] = {}
        if not run.baselines:
            continue
        for name, title in TITLES.items():
            metrics = data[label][name] = baseline_metrics(run, name)
            if metrics:
                rows.append([what, title, *_figures(metrics)])
        siblings = run.baselines.get("sibling_share", {})
        if "share" in siblings:
            data[label]["sibling_share"] = siblings
            rows.append([what, *_sibling_row(siblings)])
    notes = table_notes(runs, *NOTES, *interval_notes(runs))
    return filled("baselines", "Baselines without a net", COLUMNS, rows, notes, data)


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    names = {"acc": None, "sens": None, "spec": None, "auc": 3, "seven_class_acc": None}
    return [shown(metrics[name], metrics["interval"][name], digits) for name, digits in names.items()]


def _sibling_row(siblings: Mapping[str, Any]) -> list:
    text = f"{siblings['siblings']}/{siblings['cells']} test cells have one of their group in training"
    return [text, percent(siblings["share"]), None, None, None, None]
