"""Plans of the figures made of scores, one curve a run where runs can share a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from measures.by_view import accuracy_by_views, centre_crop_accuracy, metrics_by_angle
from measures.calibration import calibration_curve
from measures.metrics import binary_metrics
from measures.operating_point import operating_point, roc_points
from reporting.figures.plan import LeftOutError, Plan, class_names, has_seven, per_run
from reporting.notes import scored
from reporting.plots import scores as figures
from scoring.results import RunResult

NO_VIEWS = "no run has view_scores.csv"


def plan_scores(runs: Sequence[RunResult]) -> list[Plan]:
    """Fig. 11 of every run, then what the paper does not show."""
    plans = [_box_plot(runs, number) for number in range(len(runs))]
    plans += [
        Plan(
            "roc",
            "ROC curve",
            "Sensitivity against 1 − specificity over all thresholds, all scored cells pooled. The open "
            "marker is the highest threshold that still finds 99 % of the abnormal cells.",
            lambda: _roc(runs),
        ),
        Plan(
            "calibration",
            "Calibration",
            "Share of cells that are abnormal against their mean score, in ten bins of equal width; on the "
            "grey line a score is a probability. Below: the cells in each bin.",
            lambda: _calibration(runs),
        ),
        Plan(
            "views",
            "Accuracy against the number of views",
            "Accuracy when only so many views of a cell are averaged (mean over random choices of them). The "
            "open marker is one view's centre crop alone.",
            lambda: _views(runs),
        ),
        Plan(
            "angles",
            "Sensitivity and specificity by rotation angle",
            "Only the views of one angle averaged. A net that had learnt the angle of rotation and not the "
            "cell would show it here as peaks and dips.",
            lambda: _angles(runs),
        ),
    ]
    return plans + [_confusion(runs, number) for number, run in enumerate(runs) if run.classes == 7]


def _box_plot(runs: Sequence[RunResult], number: int) -> Plan:
    name, end = per_run(runs, number, "fig11-scores")
    caption = (
        "Abnormality scores of all scored cells by class: box from quartile to quartile, line at the median, "
        "whiskers to 1.5 times the box. Blue ground: normal, red: abnormal; the dashed line is the threshold "
        f"0.5 and crosses are misclassified cells. Scored: {runs[number].fold_text()}."
    )
    return Plan(name, f"Fig. 11. Scores by class{end}", caption, lambda: _draw_boxes(runs[number]))


def _draw_boxes(run: RunResult) -> Figure:
    if not run.folds:
        raise LeftOutError("no fold is scored")
    values, scores = run.pooled("class7" if has_seven(run) else "labels"), run.pooled("scores")
    classes = [(name, label, scores[values == index]) for index, name, label in class_names(run)]
    return figures.scores_by_class([item for item in classes if len(item[2])])


def _roc(runs: Sequence[RunResult]) -> Figure:
    curves = []
    for name, run in scored(runs):
        labels, scores = run.pooled("labels"), run.pooled("scores")
        points, best = roc_points(labels, scores), operating_point(labels, scores)
        if points and best:
            area = binary_metrics(labels, scores)["auc"]
            curves.append((name, points["fpr"], points["tpr"], area, (1 - best["spec"], best["sens"])))
    if not curves:
        raise LeftOutError("no run has both normal and abnormal cells")
    return figures.roc(curves)


def _calibration(runs: Sequence[RunResult]) -> Figure:
    curves = []
    for name, run in scored(runs):
        curve = calibration_curve(run.pooled("labels"), run.pooled("scores"))
        curves.append((name, curve["score"], curve["abnormal"], curve["count"]))
    if not curves:
        raise LeftOutError("no fold is scored")
    return figures.calibration(curves)


def _views(runs: Sequence[RunResult]) -> Figure:
    curves = []
    for name, run in scored(runs):
        rows, centre = accuracy_by_views(run), centre_crop_accuracy(run)
        if rows:
            counts, accuracies = [row["views"] for row in rows], [row["acc"] for row in rows]
            curves.append((name, counts, accuracies, centre and centre["one_view"]))
    if not curves:
        raise LeftOutError(NO_VIEWS)
    return figures.accuracy_by_views(curves)


def _angles(runs: Sequence[RunResult]) -> Figure:
    curves = []
    for name, run in scored(runs):
        rows = metrics_by_angle(run)
        if rows:
            curves.append((name, *[[row[key] for row in rows] for key in ("angle", "sens", "spec")]))
    if not curves:
        raise LeftOutError(NO_VIEWS)
    return figures.by_angle(curves)


def _confusion(runs: Sequence[RunResult], number: int) -> Plan:
    name, end = per_run(runs, number, "confusion")
    caption = (
        "True classes down, the net's across; percentages are of the row. The dashed lines part normal from abnormal."
    )
    return Plan(name, f"Seven classes: confusion matrix{end}", caption, lambda: _draw_confusion(runs[number]))


def _draw_confusion(run: RunResult) -> Figure:
    if not run.has_class7:
        raise LeftOutError("no scored cell has one of the seven classes")
    truth, said = run.pooled("class7"), run.pooled("probs").argmax(1)
    matrix = np.zeros((7, 7), int)
    np.add.at(matrix, (truth, said), 1)
    names = {index: name for index, name, _ in class_names(run)}
    return figures.confusion(matrix, [names.get(index, f"class {index + 1}") for index in range(7)])
