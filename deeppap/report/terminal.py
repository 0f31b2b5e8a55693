"""A fold's metrics and its table of classes, for the terminal."""

from collections.abc import Sequence

import numpy as np

from data_prep.classes import LABELS, in_order
from deeppap.records import RunRecord
from deeppap.report.table import Table
from deeppap.scoring.score_cells import CellScore
from deeppap.stats.by_class import macro_f1, most_likely
from deeppap.stats.metrics import METRICS, binary_metrics, percent

NAMES = {"sens": "Sens", "spec": "Spec", "acc": "Acc", "hmean": "H-mean", "f": "F", "auc": "AUC"}


def summary(run: RunRecord, scores: Sequence[CellScore]) -> str:
    """Sens, Spec, Acc, H-mean, F, AUC of one fold, and how many cells of each class are right."""
    judged = [s for s in scores if s.cell.label < 2]
    metrics = binary_metrics([s.cell.label for s in judged], [s.score for s in judged])
    values = {name: percent(metrics[name]) for name in METRICS}
    if metrics["auc"] is not None:
        values["auc"] = f"{metrics['auc']:.4f}"
    texts = ", ".join(f"{NAMES[name]} {value}" for name, value in values.items())
    what = f"{run.dataset.name}, {run.protocol} protocol, profile {run.profile}, select {run.select}"
    lines = [class_table(scores).text(), f"{what}, {len(judged)} cells of one fold: {texts}"]
    if line := _class_line(scores):
        lines.append(line)
    if run.selection_caveat:
        lines.append(f"note: {run.selection_caveat}")
    return "\n".join(lines)


def class_table(scores: Sequence[CellScore]) -> Table:
    """Right per class by what each cell is called (paper: Table 4), and of a net of several by the most likely one."""
    classes = in_order((s.cell.kind, s.cell.label) for s in scores)
    told = {s.cell.kind for s in scores} <= {one.name for one in scores[0].outputs} and len(scores[0].outputs) > 2
    rows = []
    for one in classes:
        cells = [s for s in scores if (s.cell.kind, LABELS[s.cell.label]) == (one.name, one.label)]
        if not cells:
            continue
        is_right = sum(s.label == one.label for s in cells)
        row = [one.name, is_right, len(cells), percent(is_right / len(cells))]
        recall = percent(sum(s.most_likely == one.name for s in cells) / len(cells))
        rows.append([*row, one.label, recall] if told else row)
    columns = ["class", "right", "cells", "%", *(["side", "most likely is it (%)"] if told else [])]
    return Table("classes", "Right per class: called normal, abnormal or neither as it is", columns, rows)


def _class_line(scores: Sequence[CellScore]) -> str | None:
    """What a net of several classes is worth over all of them; None for one of two, or of other classes."""
    place = {one.name: index for index, one in enumerate(scores[0].outputs)}
    if len(place) == 2 or any(s.cell.kind not in place for s in scores):
        return None
    probs, kinds = np.array([s.prob for s in scores]), np.array([place[s.cell.kind] for s in scores])
    is_right, macro = (most_likely(probs) == kinds).mean(), macro_f1(probs, kinds)
    figures = f"most likely class right {percent(is_right)}, macro F1 {percent(macro)}"
    return f"{len(place)} classes, {len(scores)} cells: {figures}"
