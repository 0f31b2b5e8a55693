"""The baselines judged on the very cells that a run has scored, so that both stand side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.errors import UserError
from measures.metrics import binary_metrics
from scoring.results import RunResult


def baseline_metrics(run: RunResult, name: str) -> dict[str, Any] | None:
    """A baseline's metrics and `seven_class_acc` (None without seven classes); None where the run has skipped it.

    Raises
    ------
    UserError
        Where baselines.json lacks a prediction for one of the run's cells.
    """
    entry: Mapping[str, Any] = run.baselines.get(name, {"skipped": "absent"})
    if "skipped" in entry:
        return None
    try:
        called = np.array([entry["predictions"][cell][0] for cell in run.ids], float)
        seven = np.array([entry["predictions"][cell][1] for cell in run.ids])
        metrics = binary_metrics(run.pooled("labels"), called)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        where = run.folder / "baselines.json"
        do = "Remove it and run tools/cross_validate.py again."
        raise UserError(where, f"{name}: a prediction for every cell of the run", repr(error)[:60], do) from None
    seven_class_acc = float((seven == run.pooled("class7")).mean()) if run.has_class7 else None
    return metrics | {"seven_class_acc": seven_class_acc}
