"""What scores say beyond the paper's tables: operating point, calibration, views, angles."""

from collections.abc import Sequence

from measures.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from measures.calibration import brier, expected_calibration_error
from measures.metrics import percent
from measures.operating_point import cross_fitted, operating_point
from reporting.notes import scored, table_notes
from reporting.paper import paper
from reporting.tables.table import Table, filled
from scoring.results import RunResult


def operating_table(runs: Sequence[RunResult]) -> Table | None:
    """Specificity where at least 99 % of the abnormal cells are found."""
    rows, data = [], {}
    for label, run in scored(runs):
        found = operating_point(run.pooled("labels"), run.pooled("scores"))
        if found is None:
            continue
        data[label] = {"pooled": found, "cross_fitted": cross_fitted(run.folds)}
        missed, alarms = (
            f"{found['missed']}/{found['abnormal']}",
            f"{found['false_alarms']}/{found['normal']}",
        )
        shares = [percent(found["sens"]), percent(found["spec"])]
        rows.append([f"{label}, {run.fold_text()}", f"{found['threshold']:.3f}", *shares, missed, alarms])
        if other := data[label]["cross_fitted"]:
            shares = [percent(other["sens"]), percent(other["spec"])]
            rows.append([f"{label}, threshold from the other folds", "varies", *shares, None, None])
    columns = ["run", "threshold", "Sens (%)", "Spec (%)", "missed", "false alarms"]
    title = "Operating point: highest threshold with sensitivity of at least 99 %"
    note = "the pooled threshold is chosen on the scores it is judged by; the row from other folds is not"
    return filled("operating_point", title, columns, rows, table_notes(runs, note), data)


def calibration_table(runs: Sequence[RunResult]) -> Table | None:
    """Whether scores are probabilities."""
    rows, data = [], {}
    for label, run in scored(runs):
        truth, score = run.pooled("labels"), run.pooled("scores")
        found = {"ece": expected_calibration_error(truth, score), "brier": brier(truth, score)}
        data[label] = found | {"mean_score": float(score.mean()), "abnormal": float(truth.mean())}
        rows.append([f"{label}, {run.fold_text()}", len(truth), *[f"{v:.4f}" for v in data[label].values()]])
    columns = ["run", "cells", "ECE (10 bins)", "Brier", "mean score", "share abnormal"]
    return filled("calibration", "Calibration of the score as P(abnormal)", columns, rows, table_notes(runs), data)


def views_table(runs: Sequence[RunResult]) -> Table | None:
    """Accuracy by the number of views averaged."""
    rows, data = [], {}
    for label, run in scored(runs):
        by_count, centre = accuracy_by_views(run), centre_crop_accuracy(run)
        if centre is None:
            continue
        data[label] = {"by_count": by_count, "centre_crop": centre}
        what = f"{label}, {run.fold_text(run.folds_with('views'))}"
        rows += [[what, item["views"], "all", percent(item["acc"]), percent(item["std"])] for item in by_count]
        total = max((item["views"] for item in by_count), default=0)
        rows.append([what, 1, "centre", percent(centre["one_view"]), None])
        rows.append([what, total, "centre", percent(centre["all_views"]), None])
    loss = percent(paper()["one_view_loss_of_accuracy"], 0)
    notes = (
        "std over 20 random choices of each cell's views",
        f"the paper says that one view instead of 100 costs about {loss} % of accuracy",
    )
    columns = ["run", "views", "crops", "Acc (%)", "std (%)"]
    return filled("views", "Accuracy by the number of views", columns, rows, table_notes(runs, *notes), data)


def angle_table(runs: Sequence[RunResult]) -> Table | None:
    """Sensitivity and specificity from the views of one rotation angle at a time."""
    rows, data = [], {}
    for label, run in scored(runs):
        data[label] = metrics_by_angle(run)
        what = f"{label}, {run.fold_text(run.folds_with('views'))}"
        for item in data[label]:
            shares = [percent(item[name]) for name in ("sens", "spec", "acc")]
            rows.append([what, f"{item['angle']:g}", item["views"], *shares])
    columns = ["run", "angle (degrees)", "views", "Sens (%)", "Spec (%)", "Acc (%)"]
    note = "figures that change with the angle mean that the net learnt how views were turned, not cells"
    return filled("angles", "By rotation angle", columns, rows, table_notes(runs, note), data)
