"""Fig. 6: the filters of the first layer before and after fine-tuning."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.mosaic import grid
from deeppap.report.figures.net_arrays import FILE, panel, read_net_arrays
from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import WIDE, new_figure, stretch, styled
from deeppap.scoring.results import RunResult

TITLE = "Fig. 6. Filters of the first layer"
CAPTION = (
    "The 96 filters of conv1 (11 × 11 × 3), from the first scored fold; change: the difference between "
    "the two, on a scale of its own."
)
COLUMNS = 12  # filters side by side


def plan(runs: Sequence[RunResult], number: int) -> Plan:
    """Of the first fold that has them."""
    return plan_of_run(runs, number, "fig6-filters", TITLE, CAPTION, lambda: draw(*_filters(runs[number])))


def _filters(run: RunResult) -> tuple[np.ndarray | None, np.ndarray]:
    arrays = read_net_arrays(run, "conv1_before", "conv1_after")
    for array in arrays.values():
        if array.ndim != 4 or array.shape[1] != 3:
            raise LeftOutError(f"{FILE} holds conv1 of shape {array.shape}")
    if "conv1_after" not in arrays:
        raise LeftOutError(f"{FILE} has no conv1_after")
    return arrays.get("conv1_before"), arrays["conv1_after"]


@styled
def draw(before: np.ndarray | None, after: np.ndarray) -> Figure:
    """Draw conv1 before and after fine-tuning and their difference.

    Parameters
    ----------
    before, after : ndarray
        Weights (96, 3, 11, 11), BGR; `before` is None for a net that began from random values.
    """
    if before is None:
        figure = new_figure(WIDE / 2, WIDE / 3, layout="constrained")
        panel(figure.subplots(), grid(stretch(_rgb_tiles(after)), COLUMNS), "after training")
        return figure
    low, high = float(min(before.min(), after.min())), float(max(before.max(), after.max()))
    change = _rgb_tiles(after.astype(float) - before)
    peak = float(np.abs(change).max())
    share = float(np.linalg.norm(change) / max(np.linalg.norm(before), 1e-12))
    figure = new_figure(WIDE, WIDE / 4.5 + 0.35, layout="constrained")
    axes = figure.subplots(1, 3)
    panel(axes[0], grid(stretch(_rgb_tiles(before), low, high), COLUMNS), "before fine-tuning")
    panel(axes[1], grid(stretch(_rgb_tiles(after), low, high), COLUMNS), "after fine-tuning")
    panel(axes[2], grid(stretch(change, -peak, peak), COLUMNS), f"change, {share:.2%} of the norm")
    return figure


def _rgb_tiles(filters: np.ndarray) -> np.ndarray:
    """BGR filters (N, 3, h, w) as RGB tiles (N, h, w, 3)."""
    return filters[:, ::-1].transpose(0, 2, 3, 1)
