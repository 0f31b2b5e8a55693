"""Fig. 7: what three pooling layers see of one crop."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from deeppap.report.figures.mosaic import grid
from deeppap.report.figures.net_arrays import FILE, panel, read_net_arrays
from deeppap.report.figures.plan import LeftOutError, Plan, plan_of_run
from deeppap.report.figures.style import WIDE, clean, new_figure, stretch, styled
from deeppap.scoring.results import RunResult

TITLE = "Fig. 7. Activations"
CAPTION = (
    "Feature maps of pool1, pool2 and pool5 for one crop of a cell, brightness as the square root of the "
    "activation, each layer on its own scale."
)
LAYERS = ("pool1", "pool2", "pool5")


def plan(runs: Sequence[RunResult], number: int) -> Plan:
    """Of the first fold that has them."""
    return plan_of_run(runs, number, "fig7-activations", TITLE, CAPTION, lambda: draw(*_arrays(runs[number])))


def _arrays(run: RunResult) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    arrays = read_net_arrays(run, "input", *LAYERS, "cell_id")
    cell_id = str(arrays.pop("cell_id", ""))
    if "input" not in arrays or len(arrays) < 2:
        raise LeftOutError(f"{FILE} has no activations")
    if strange := [f"{name} of shape {array.shape}" for name, array in arrays.items() if array.ndim != 3]:
        raise LeftOutError(f"{FILE} holds {strange[0]}")
    blob = arrays.pop("input")
    return blob, arrays, cell_id


@styled
def draw(blob: np.ndarray, layers: Mapping[str, np.ndarray], cell_id: str = "") -> Figure:
    """Draw the input of one crop and the feature maps of the pooling layers.

    Parameters
    ----------
    blob : ndarray
        The input (3, 227, 227), BGR.
    layers : dict
        Name to feature maps (C, H, W), each layer drawn on its own scale from 0 to its maximum.
    """
    figure = new_figure(WIDE, WIDE * 0.31, layout="constrained")
    axes = figure.subplots(1, 1 + len(layers))
    head = clean(cell_id, 26) or "input"
    panel(axes[0], _rgb_picture(blob), f"{head}\n3 @ {blob.shape[1]} × {blob.shape[2]}")
    for axis, (name, maps) in zip(axes[1:], layers.items(), strict=True):
        columns = int(np.ceil(np.sqrt(len(maps))))
        title = f"{name}\n{maps.shape[0]} @ {maps.shape[1]} × {maps.shape[2]}"
        # the root keeps weak maps visible beside the strongest
        panel(axis, grid(np.sqrt(stretch(maps, 0)), columns, fill=np.nan), title, cmap="viridis")
    return figure


def _rgb_picture(blob: np.ndarray) -> np.ndarray:
    """The net's input as an RGB picture in 0..1: a BGR blob (3, H, W), mean subtracted or not."""
    return stretch(blob[::-1].transpose(1, 2, 0).astype(float))
