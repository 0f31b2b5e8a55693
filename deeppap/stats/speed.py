"""The time that scoring a cell took, from what the evaluator noted beside the scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from deeppap.scoring.results import RunResult

NEEDED = ("seconds_per_cell", "views", "crops")


def seconds_by_device(run: RunResult) -> dict[str, dict[str, float]]:
    """For every device, by name: mean `seconds_per_cell` and mean `crops` a cell over the folds timed on it."""
    timed = [fold.evaluation for fold in run.folds if _is_timed(fold.evaluation)]
    speeds = {}
    for device in sorted({_device(evaluation) for evaluation in timed}):
        own = [evaluation for evaluation in timed if _device(evaluation) == device]
        speeds[device] = {
            "seconds_per_cell": float(np.mean([e["seconds_per_cell"] for e in own])),
            "crops": float(np.mean([e["views"] * e["crops"] for e in own])),
        }
    return speeds


def _device(evaluation: Mapping[str, Any]) -> str:
    return str(evaluation.get("device", "not named"))


def _is_timed(evaluation: Mapping[str, Any]) -> bool:
    """An evaluation.json of an older run, or one edited by hand, may lack a number: it is left out."""
    return all(isinstance(evaluation.get(key), int | float) and evaluation[key] > 0 for key in NEEDED)
