"""A fold's measures and its table of classes, for the terminal."""

from collections.abc import Sequence

from common.run_folder import RunConfig
from measures.metrics import METRICS, binary_metrics, percent
from reporting.tables.table import Table
from scoring.cell_score import CellScore

NAMES = {"sens": "Sens", "spec": "Spec", "acc": "Acc", "hmean": "H-mean", "f": "F", "auc": "AUC"}


def summary(config: RunConfig, scores: Sequence[CellScore]) -> str:
    """Sens, Spec, Acc, H-mean, F, AUC of one fold, and how many cells of each class are right."""
    found = binary_metrics([s.cell.label for s in scores], [s.score for s in scores])
    values = {name: percent(found[name]) for name in METRICS}
    if found["auc"] is not None:
        values["auc"] = f"{found['auc']:.4f}"
    texts = ", ".join(f"{NAMES[name]} {value}" for name, value in values.items())
    what = f"{config.dataset}, {config.protocol} protocol, profile {config.profile}"
    return f"{class_table(scores).text()}\n{what}, {len(scores)} cells of one fold: {texts}"


def class_table(scores: Sequence[CellScore]) -> Table:
    """Right per class at threshold 0.5 (paper: Table 4)."""
    from data_prep.herlev_classes import CLASSES

    groups: dict[str, list[bool]] = {}
    for s in sorted(scores, key=lambda s: (s.cell.class7 is None, s.cell.class7 or 0, s.cell.label)):
        name = ("normal", "abnormal")[s.cell.label] if s.cell.class7 is None else CLASSES[s.cell.class7].name
        groups.setdefault(name, []).append((s.score >= 0.5) == bool(s.cell.label))
    rows = [[name, sum(right), len(right), percent(sum(right) / len(right))] for name, right in groups.items()]
    return Table("classes", "Right per class, two-class decision", ["class", "right", "cells", "%"], rows)
