"""The course of one fold's training by epoch (paper: Fig. 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Course:
    """One fold's training.

    Attributes
    ----------
    train : list of (iteration, loss, learning rate)
    test : list of (iteration, loss, accuracy), on the validation patches
    epoch_iterations : float
        Iterations of one epoch.
    chosen_epoch : float or None
        Epoch of the snapshot that was scored.
    """

    fold: int
    train: Sequence[tuple[int, float, float]]
    test: Sequence[tuple[int, float, float]]
    epoch_iterations: float
    chosen_epoch: float | None = None

    def train_by_epoch(self) -> tuple[np.ndarray, np.ndarray]:
        """Middle of each stretch of iterations (in epochs) and the mean training loss over it.

        A stretch is an epoch, or less where there are fewer than three epochs to show.
        """
        if not self.train:
            return np.empty(0), np.empty(0)
        rows = np.array([row[:2] for row in self.train], float)
        epochs = rows[:, 0] / self.epoch_iterations
        step = 1.0 if epochs[-1] >= 3 else max(epochs[-1] / 10, 1e-9)
        # the last iteration closes its stretch and does not begin another
        stretch = np.minimum(epochs // step, np.ceil(epochs[-1] / step) - 1).clip(0)
        used = np.unique(stretch)
        return (used + 0.5) * step, np.array([rows[stretch == s, 1].mean() for s in used])

    def validation(self) -> np.ndarray:
        """Rows (epoch, loss, accuracy)."""
        rows = np.array(self.test, float).reshape(-1, 3)
        return np.column_stack([rows[:, 0] / self.epoch_iterations, rows[:, 1:]])
