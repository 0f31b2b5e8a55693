"""The time that scoring a cell took, from the records beside the scores."""

import numpy as np

from deeppap.scoring.results import RunResult


def seconds_by_device(run: RunResult) -> dict[str, dict[str, float]]:
    """For every device, by name: mean `seconds_per_cell` and mean `crops` a cell over the folds timed on it."""
    timed = [fold.made[0] for fold in run.folds if fold.made[0].seconds_per_cell is not None]
    speeds = {}
    for device in sorted({record.device for record in timed}):
        own = [record for record in timed if record.device == device]
        speeds[device] = {
            "seconds_per_cell": float(np.mean([record.seconds_per_cell for record in own])),
            "crops": float(np.mean([record.views * record.crops for record in own])),
        }
    return speeds
