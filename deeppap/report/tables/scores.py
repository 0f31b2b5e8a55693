"""Tables of the scores themselves: a screening's threshold, calibration, numbers of views, angles, time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep.classes import THRESHOLD
from deeppap.records import ThresholdRecord
from deeppap.report.paper import paper
from deeppap.report.runs import Run, fold_scores, interval_notes, table_of_runs
from deeppap.report.table import Rows, Table, with_interval
from deeppap.scoring.thresholds import has_enough, is_uncertain, short
from deeppap.stats.calibration import calibration_intervals, calibration_summary
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import binary_metrics, percent
from deeppap.stats.operating_point import cross_fitted, operating_intervals, operating_point


def operating_points(runs: Sequence[Run]) -> Table | None:
    """For every run with both classes: the pooled threshold, and thresholds chosen on the other folds."""
    columns = ["run", "threshold", "Sens (%)", "Spec (%)", "missed", "false alarms"]
    notes = [
        "the pooled threshold is chosen on the scores it is judged by; the row from other folds is not",
        "intervals hold the threshold, except that of the pooled Spec: there each resample chooses its own",
    ]
    title = "Operating point: highest threshold with sensitivity of at least 99 %"
    notes += interval_notes(runs)
    return table_of_runs("operating_point", title, columns, runs, _operating_point, notes)


def _operating_point(run: Run) -> tuple[Rows, dict[str, Any]] | None:
    pooled = operating_point(run.labels, run.scores)
    # without cells of both labels there is no sensitivity to reach
    if pooled is None:
        return None
    limits = operating_intervals(run.labels, run.scores, run.groups)
    # a threshold must not be judged by the scores that it was chosen on
    honest = cross_fitted(fold_scores(run.folds), run.groups)
    missed, alarms = f"{pooled['missed']}/{pooled['abnormal']}", f"{pooled['false_alarms']}/{pooled['normal']}"
    shares = [with_interval(pooled[name], limits[name]) for name in ("sens", "spec")]
    rows = [[run.title, short(pooled["threshold"]), *shares, missed, alarms]]
    if honest:
        shares = [with_interval(honest[name], honest["interval"][name]) for name in ("sens", "spec")]
        rows.append([f"{run.label}, threshold from the other folds", "varies", *shares, None, None])
    return rows, {"pooled": {**pooled, "interval": limits}, "cross_fitted": honest}


def thresholds_for_use(runs: Sequence[Run]) -> Table | None:
    """Sens and Spec at 0.5 and at the thresholds that test or inner cells chose; None if no run has any."""
    columns = ["run", "chosen for", "threshold", "Sens (%)", "Spec (%)", "missed", "false alarms", "chosen on"]
    notes = [
        "chosen on cells that the net was not trained on; each fold is judged at its own threshold",
        "95 % needs 20 abnormal cells, 99 % needs 100; uncertain: fewer than 50, or fewer than 250, chose it",
        "test cells: these very cells chose the threshold, so Sens and Spec on other cells may be lower",
        "a threshold is above 0.5 where enough abnormal cells score higher than 0.5; it then gives fewer false alarms",
        "intervals hold the threshold",
        *interval_notes(runs),
    ]
    title = "Thresholds for use, chosen on test or inner cells"
    return table_of_runs("thresholds_for_use", title, columns, runs, _thresholds, notes)


def _thresholds(run: Run) -> tuple[Rows, list[dict[str, Any]]] | None:
    chosen = [fold.made[0].thresholds or () for fold in run.folds]
    if not all(chosen):
        return None
    # a threshold must not be judged by the cells that it was chosen on: shown, but without intervals
    by_test = not run.record.external and any(one.by == "test" for same in chosen for one in same)
    rows, data = [], []
    each = " or more a net" if len(run.folds) > 1 or len(run.record.net_shas) > 1 else ""
    offered = [same for same in zip(*chosen, strict=True) if all(map(has_enough, same))]
    if not offered:
        return None
    kinds = [(f"sensitivity {100 * same[0].sensitivity:.0f} %", same) for same in offered]
    for name, same in [("the paper", None), *kinds]:
        limits = [one.threshold for one in same] if same else [THRESHOLD] * len(run.folds)
        calls = np.concatenate([fold.scores >= at for fold, at in zip(run.folds, limits, strict=True)]).astype(float)
        found = binary_metrics(run.labels, calls)
        own = bool(same) and by_test
        limits_of = {m: None if own else interval(run.labels, calls, m, run.groups) for m in ("sens", "spec")}
        shares = [with_interval(found[m], limit) for m, limit in limits_of.items()]
        missed, alarms = int((calls[run.labels == 1] == 0).sum()), int(calls[run.labels == 0].sum())
        at = short(min(limits)) + (f" to {short(max(limits))}" if min(limits) < max(limits) else "")
        rests = _chosen_on(same, each, own) if same else None
        rows.append([run.title, name, at, *shares, missed, alarms, rests])
        counted = {"missed": missed, "false_alarms": alarms, "by_test": own}
        data.append({"chosen for": name, "thresholds": limits, **found, **counted})
    return rows, data


def _chosen_on(same: Sequence[ThresholdRecord], each: str, own: bool) -> str:
    """The cells that chose a threshold; `own` if they are the test cells that it is judged on."""
    text = f"{min(one.abnormal for one in same)} abnormal {'test ' if own else ''}cells{each}"
    if any(map(is_uncertain, same)):
        text += ", uncertain"
    if all(one.specificity == 0 for one in same):
        text += ", of no use: calls every normal one abnormal"
    return text


def calibration(runs: Sequence[Run]) -> Table | None:
    """Expected calibration error and Brier score of every run."""
    columns = ["run", "cells", "ECE (10 bins)", "Brier", "mean score", "share abnormal"]
    note = "ECE is a mean of absolute values: chance alone raises it, and resampling raises it again"
    title = "Calibration of the score as P(abnormal)"
    return table_of_runs("calibration", title, columns, runs, _calibration, [note, *interval_notes(runs)])


def _calibration(run: Run) -> tuple[Rows, dict[str, Any]]:
    figures = calibration_summary(run.labels, run.scores)
    limits = calibration_intervals(run.labels, run.scores, run.groups)
    values = [with_interval(figures[name], limits[name], 4) for name in ("ece", "brier", "mean_score", "abnormal")]
    return [[run.title, len(run.scores), *values]], {**figures, "interval": limits}


def views(runs: Sequence[Run]) -> Table | None:
    """Rows of all crops, then of centre crops alone; None if no run has kept its view scores."""
    loss = percent(paper()["one_view_loss_of_accuracy"], 0)
    notes = [
        "std over 20 random choices of each cell's views",
        f"the paper says that one view instead of 100 costs about {loss} % of accuracy",
        *interval_notes(runs),
    ]
    columns = ["run", "views", "crops", "Acc (%)", "std (%)"]
    return table_of_runs("views", "Accuracy by the number of views", columns, runs, _views, notes)


def _views(run: Run) -> tuple[Rows, dict[str, Any]] | None:
    if not run.view_folds:
        return None
    centre = run.centre_crop
    what = f"{run.label}, {run.result.fold_text(run.view_folds)}"
    rows = []
    for item in run.by_count:
        accuracy = with_interval(item["acc"], item["interval"])
        rows.append([what, item["views"], "all", accuracy, percent(item["std"])])
    # what ten crops a view bring is seen against the centre crop alone
    for count, name in ((1, "one_view"), (run.by_count[-1]["views"], "all_views")):
        rows.append([what, count, "centre", with_interval(centre[name], centre["interval"][name]), None])
    return rows, {"by_count": run.by_count, "centre_crop": centre}


def angles(runs: Sequence[Run]) -> Table | None:
    """Sensitivity and specificity from the views of one rotation angle at a time; None without view scores."""
    columns = ["run", "angle (degrees)", "views", "Sens (%)", "Spec (%)", "Acc (%)"]
    note = "if the metrics change with the angle, the net learned the rotation of the views and not the cells"
    return table_of_runs("angles", "By rotation angle", columns, runs, _angles, [note, *interval_notes(runs)])


def _angles(run: Run) -> tuple[Rows, list[dict[str, Any]]] | None:
    if not run.view_folds:
        return None
    what = f"{run.label}, {run.result.fold_text(run.view_folds)}"
    rows = []
    for item in run.by_angle:
        shares = [with_interval(item[name], item["interval"][name]) for name in ("sens", "spec", "acc")]
        rows.append([what, f"{item['angle']:g}", item["views"], *shares])
    return rows, run.by_angle


def speed(runs: Sequence[Run]) -> Table | None:
    """One row a run and device (paper: "Computational Speed"); None if no run was timed."""
    known = paper()["speed"]
    crops, seconds = known["views"] * known["crops"], known["seconds_per_cell"]
    cited = [["paper (cited)", known["device"], crops, f"{seconds:g}", f"{crops / seconds:.0f}"]]
    columns = ["run", "device", "crops a cell", "seconds a cell", "crops a second"]
    return table_of_runs("speed", "Time to score one cell", columns, runs, _speed, cited=cited)


def _speed(run: Run) -> tuple[Rows, dict[str, Any]] | None:
    # scores that another machine made are not mixed into one speed
    timed = [fold.made[0] for fold in run.folds if fold.made[0].seconds_per_cell]
    rows, data = [], {}
    for device in sorted({record.device for record in timed}):
        own = [record for record in timed if record.device == device]
        seconds = float(np.mean([record.seconds_per_cell for record in own]))
        crops = float(np.mean([record.views * record.crops for record in own]))
        data[device] = {"seconds_per_cell": seconds, "crops": crops}
        rows.append([run.label, device, f"{crops:g}", f"{seconds:.3g}", f"{crops / seconds:.0f}"])
    return (rows, data) if rows else None
