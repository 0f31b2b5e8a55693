"""The baselines judged on the very cells that a run has scored, so that both stand side by side."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from deeppap.io.errors import UserError
from deeppap.scoring.results import RunResult
from deeppap.stats.baselines import scores_of
from deeppap.stats.by_class import most_likely, seven_class_accuracy
from deeppap.stats.compare import compare
from deeppap.stats.intervals import COUNTED, interval
from deeppap.stats.metrics import binary_metrics, checked
from deeppap.stats.resampling import share_interval


def baseline_metrics(run: RunResult, name: str) -> dict[str, Any] | None:
    """A baseline's metrics, `seven_class_acc` (None without seven classes) and `interval`, all their 95 % intervals.

    All are those of the baseline's own chances, called abnormal from 0.5 on as the net's; where it gives none, those of
    its answers, and no AUC. None where the run has skipped the baseline.

    Raises
    ------
    UserError
        Where baselines.json lacks a prediction for one of the run's cells.
    """
    found = _of_the_same_cells(run, name)
    if found is None:
        return None
    truth, groups = run.pooled("labels"), run.groups()
    metrics = binary_metrics(truth, found.scores)
    limits = {name: interval(truth, found.scores, name, groups) for name in (*COUNTED, "auc")}
    if not found.chances:
        metrics["auc"] = limits["auc"] = None
    seven_right = found.seven == run.pooled("class7") if run.has_class7 else None
    limits["seven_class_acc"] = None if seven_right is None else share_interval(seven_right, groups)
    seven_class_acc = None if seven_right is None else float(seven_right.mean())
    return metrics | {"seven_class_acc": seven_class_acc, "interval": limits}


def net_against(run: RunResult, name: str) -> dict[str, Any] | None:
    """`compare` of the net's scores, the first, with a baseline's; no AUC where it gives answers and no chances.

    None, and UserError, as above.
    """
    found = _of_the_same_cells(run, name)
    if found is None:
        return None
    tests = compare(run.pooled("labels"), run.pooled("scores"), found.scores, run.groups())
    return tests if found.chances else tests | dict.fromkeys(("auc", "difference", "interval", "p_auc"))


class _Answers(NamedTuple):
    scores: np.ndarray
    seven: np.ndarray
    chances: bool


def _of_the_same_cells(run: RunResult, name: str) -> _Answers | None:
    # a validation on an external set has none
    entry: Mapping[str, Any] = (run.baselines or {}).get(name, {"skipped": "absent"})
    if "skipped" in entry:
        return None
    try:
        seven = np.array([entry["predictions"][cell][1] for cell in run.ids])
        scores = scores_of(entry, run.ids)
        checked(run.pooled("labels"), scores)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        where = run.folder / "baselines.json"
        do = "Remove it and run tools/cross_validate.py again."
        raise UserError(where, f"{name}: a prediction for every cell of the run", repr(error)[:60], do) from None
    return _Answers(scores, seven, "chances" in entry)


def net_metrics(run: RunResult) -> dict[str, Any]:
    """The net's own figures in the same form."""
    truth, scores, groups = run.pooled("labels"), run.pooled("scores"), run.groups()
    limits = {name: interval(truth, scores, name, groups) for name in (*COUNTED, "auc")}
    metrics: dict[str, Any] = binary_metrics(truth, scores) | {"seven_class_acc": None}
    limits["seven_class_acc"] = None
    if run.classes == 7 and run.has_class7:
        metrics["seven_class_acc"] = seven_class_accuracy(run)
        limits["seven_class_acc"] = share_interval(most_likely(run) == run.pooled("class7"), groups)
    return metrics | {"interval": limits}
