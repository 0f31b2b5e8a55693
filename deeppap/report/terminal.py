"""A fold's metrics and its table of classes, for the terminal."""

from collections.abc import Sequence

from data_prep.herlev_classes import CLASSES
from deeppap.records import RunRecord
from deeppap.report.table import KINDS, Table
from deeppap.scoring.score_cells import CellScore
from deeppap.stats.by_class import right_per_class
from deeppap.stats.metrics import METRICS, binary_metrics, percent

NAMES = {"sens": "Sens", "spec": "Spec", "acc": "Acc", "hmean": "H-mean", "f": "F", "auc": "AUC"}


def summary(run: RunRecord, scores: Sequence[CellScore]) -> str:
    """Sens, Spec, Acc, H-mean, F, AUC of one fold, and how many cells of each class are right."""
    metrics = binary_metrics([s.cell.label for s in scores], [s.score for s in scores])
    values = {name: percent(metrics[name]) for name in METRICS}
    if metrics["auc"] is not None:
        values["auc"] = f"{metrics['auc']:.4f}"
    texts = ", ".join(f"{NAMES[name]} {value}" for name, value in values.items())
    what = f"{run.dataset.name}, {run.protocol} protocol, profile {run.profile}, select {run.select}"
    note = f"\nnote: {run.selection_caveat}" if run.selection_caveat else ""
    return f"{class_table(scores).text()}\n{what}, {len(scores)} cells of one fold: {texts}{note}"


def class_table(scores: Sequence[CellScore]) -> Table:
    """Right per class at threshold 0.5 (paper: Table 4); cells without one of the seven classes go by their label."""
    # in the paper's order of classes; cells without one come last
    ordered = sorted(scores, key=lambda s: (s.cell.class7 is None, s.cell.class7 or 0, s.cell.label))
    names = [KINDS[s.cell.label] if s.cell.class7 is None else CLASSES[s.cell.class7].name for s in ordered]
    counts = right_per_class(names, [s.cell.label for s in ordered], [s.score for s in ordered])
    rows = [[name, right, cells, percent(right / cells)] for name, (right, cells) in counts.items()]
    return Table("classes", "Right per class, two-class decision", ["class", "right", "cells", "%"], rows)
