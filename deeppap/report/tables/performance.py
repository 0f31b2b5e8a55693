"""Tables 3 and 5 of the paper: sensitivity, specificity and so on of our runs beside the paper's and others'."""

from collections.abc import Mapping, Sequence
from typing import Any

from deeppap.report.paper import accuracy_interval, paper, right_in_all
from deeppap.report.runs import Run, fold_scores, interval_notes, table_of_runs
from deeppap.report.table import Rows, Table, metric_text, range_text
from deeppap.stats.intervals import summary
from deeppap.stats.metrics import METRICS, binary_metrics, percent

COLUMNS = ["method", "cells", "Sens (%)", "Spec (%)", "Acc (%)", "H-mean (%)", "F (%)", "AUC"]
CITED = "rows marked 'cited' are other people's figures, not measured by us; '-' is not given or undefined"
EARLIER = "the earlier methods were judged in several ways (10-fold, leave-one-out): not strictly comparable"
PRIVATE = "HEMLBC is private: rows of other sets are of other cells than the paper's"
HEMLBC_CELLS = 1978  # paper: "HEMLBC Dataset"


def table3(runs: Sequence[Run]) -> Table | None:
    """Runs of seven-class cells beside the paper's ConvNet-T and earlier methods (paper: Table 3)."""
    runs = [run for run in runs if run.folds and run.has_seven]
    if not runs:
        return None
    cells = right_in_all()[1]
    rows = [
        cited_row("paper: ConvNet-T", paper()["herlev"], cells),
        cited_row("paper: ConvNet-T, centres shifted by up to 10 px", paper()["herlev_shift10"], cells),
    ]
    others = [cited_row(item["name"], item) for item in (*paper()["earlier_methods"], *paper()["later"])]
    notes = [CITED, EARLIER, *interval_notes(runs), *_beside_the_papers_interval(runs)]
    table = table_of_runs(
        "table3", "Performance beside the paper's on Herlev (paper: Table 3)", COLUMNS, runs, _rows, notes, rows
    )
    # the paper first, then ours, then methods that were judged otherwise
    table.rows += others
    return table


def table5(runs: Sequence[Run]) -> Table | None:
    """Runs of cells without the seven classes; beside the paper's if they are of HEMLBC (paper: Table 5)."""
    runs = [run for run in runs if run.folds and not run.has_seven]
    title, notes = "Performance", interval_notes(runs)
    if not any("hemlbc" in run.record.dataset.name.lower() for run in runs):
        return table_of_runs("table5", title, COLUMNS, runs, _rows, notes)
    earlier = paper()["hemlbc_earlier"]
    rows = [
        cited_row("paper: ConvNet-T on HEMLBC", paper()["hemlbc"], HEMLBC_CELLS),
        cited_row(earlier["name"], earlier),
    ]
    title += " beside the paper's on HEMLBC (paper: Table 5)"
    return table_of_runs("table5", title, COLUMNS, runs, _rows, [CITED, *notes, PRIVATE], rows)


def cited_row(name: str, known: Mapping[str, Any], cells: int | None = None) -> list:
    """A row of someone else's figures; a metric that is not `known` is a dash."""
    return [f"{name} (cited)", cells, *[metric_text(metric, known.get(metric)) for metric in METRICS]]


def _rows(run: Run) -> tuple[Rows, dict[str, Any]]:
    """Rows for each shift of the centres that is scored: mean over several folds, pooled, the pooled's interval."""
    rows, data = [], {}
    # the paper's Table 3 has the centres as they are and moved by up to 10 pixels; 5 is ours
    for pixels in (0, 5, 10):
        folds = run.result.folds_with(f"shift{pixels}") if pixels else run.folds
        if not folds:
            continue
        figures = summary(fold_scores(folds, pixels), run.result.groups(folds)) if pixels else dict(run.summary)
        cells = sum(len(fold.ids) for fold in folds)
        figures["folds"] = [
            {"fold": fold.fold, **metrics} for fold, metrics in zip(folds, figures["folds"], strict=True)
        ]
        data[f"shift{pixels}"] = {"cells": cells, **figures}
        what = f"{run.label}, centres shifted by up to {pixels} px" if pixels else run.label
        fold_text = run.result.fold_text(folds)
        spread = [_mean_text(name, figures["over_folds"][name], len(folds)) for name in METRICS]
        pooled = [metric_text(name, figures["pooled"][name]) for name in METRICS]
        ranges = [range_text(figures["interval"][name], 3 if name == "auc" else None) for name in METRICS]
        if len(folds) > 1:
            rows.append([f"{what}: mean ± std, {fold_text}", cells, *spread])
        rows += [
            [f"{what}: pooled, {fold_text}", cells, *pooled],
            [f"{what}: pooled, 95 % interval", cells, *ranges],
        ]
    return rows, data


def _mean_text(metric: str, spread: Mapping[str, Any], folds: int) -> str:
    text = metric_text(metric, spread["mean"])
    if spread["std"] is not None:
        text += f" ± {metric_text(metric, spread['std'])}"
    # a metric can be undefined in a fold that holds one class alone
    return text if spread["folds"] in (0, folds) else f"{text} (of {spread['folds']})"


def _beside_the_papers_interval(runs: Sequence[Run]) -> list[str]:
    """For runs that repeat the paper's: whether ours lies in the paper's interval, and the paper's in ours."""
    limits = accuracy_interval()
    right, total = right_in_all()
    texts = [f"the paper's {right}/{total} right has the 95 % interval {range_text(limits)} (Wilson, ours)"]
    for run in runs:
        if not _repeats_the_papers(run, total):
            continue
        acc, own = binary_metrics(run.labels, run.scores)["acc"], run.limits["acc"]
        text = f"{run.label}: pooled Acc {percent(acc)} lies {place_of(acc, limits)} it"
        # too few groups leave ours without an interval
        if isinstance(own, tuple):
            text += (
                f"; the paper's {percent(right / total)} lies {place_of(right / total, own)} ours, {range_text(own)}"
            )
        texts.append(text)
    return texts


def place_of(accuracy: float, limits: tuple[float, float]) -> str:
    """Where an accuracy lies of an interval: "inside" or "outside"."""
    return "inside" if limits[0] <= accuracy <= limits[1] else "outside"


def _repeats_the_papers(run: Run, cells: int) -> bool:
    """Whether a run has tested every cell of Herlev, by the paper's folds, with nets of the paper's kind."""
    record = run.record
    # only a run of the same cells and folds can agree or disagree with the paper
    if record.dataset.paper != "herlev" or record.protocol != "cell" or record.control:
        return False
    return len(run.scores) == cells and not any(fold.source for fold in run.folds)
