"""What the net holds and sees: the first layer's filters (Fig. 6) and three pooling layers (Fig. 7)."""

import numpy as np
from matplotlib.figure import Figure

from reporting.plots.mosaic import grid
from reporting.plots.style import WIDE, clean, new_figure, stretch, styled


def _rgb_tiles(filters: np.ndarray) -> np.ndarray:
    """BGR filters (N, 3, h, w) as RGB tiles (N, h, w, 3)."""
    return filters[:, ::-1].transpose(0, 2, 3, 1)


def _panel(axes, picture: np.ndarray, title: str, **options) -> None:
    axes.imshow(picture, interpolation="nearest", **options)
    axes.set_title(title)
    axes.axis("off")


@styled
def filters(before: np.ndarray | None, after: np.ndarray) -> Figure:
    """Draw conv1 before and after fine-tuning and their difference (paper: Fig. 6).

    Parameters
    ----------
    before, after : ndarray
        Weights (96, 3, 11, 11), BGR; `before` is None for a net that began from random values.
    """
    if before is None:
        figure = new_figure(WIDE / 2, WIDE / 3, layout="constrained")
        _panel(figure.subplots(), grid(stretch(_rgb_tiles(after)), 12), "after training")
        return figure
    low, high = float(min(before.min(), after.min())), float(max(before.max(), after.max()))
    change = _rgb_tiles(after.astype(float) - before)
    peak = float(np.abs(change).max())
    share = float(np.linalg.norm(change) / max(np.linalg.norm(before), 1e-12))
    figure = new_figure(WIDE, WIDE / 4.5 + 0.35, layout="constrained")
    axes = figure.subplots(1, 3)
    _panel(axes[0], grid(stretch(_rgb_tiles(before), low, high), 12), "before fine-tuning")
    _panel(axes[1], grid(stretch(_rgb_tiles(after), low, high), 12), "after fine-tuning")
    _panel(axes[2], grid(stretch(change, -peak, peak), 12), f"change, {share:.2%} of the norm")
    return figure


def input_picture(blob: np.ndarray) -> np.ndarray:
    """The net's input as an RGB picture in 0..1: a BGR blob (3, H, W), mean subtracted or not."""
    return stretch(blob[::-1].transpose(1, 2, 0).astype(float))


@styled
def activations(blob: np.ndarray, layers: dict[str, np.ndarray], cell_id: str = "") -> Figure:
    """Draw the input of one crop and the feature maps of the pooling layers (paper: Fig. 7).

    Parameters
    ----------
    blob : ndarray
        The input (3, 227, 227), BGR.
    layers : dict
        Name to feature maps (C, H, W), each layer drawn on its own scale from 0 to its maximum.
    """
    figure = new_figure(WIDE, WIDE * 0.31, layout="constrained")
    axes = figure.subplots(1, 1 + len(layers))
    _panel(
        axes[0],
        input_picture(blob),
        f"{clean(cell_id, 26) or 'input'}\n3 @ {blob.shape[1]} × {blob.shape[2]}",
    )
    for axis, (name, maps) in zip(axes[1:], layers.items(), strict=True):
        columns = int(np.ceil(np.sqrt(len(maps))))
        title = f"{name}\n{maps.shape[0]} @ {maps.shape[1]} × {maps.shape[2]}"
        # the root keeps weak maps visible beside the strongest
        _panel(axis, grid(np.sqrt(stretch(maps, 0)), columns, fill=np.nan), title, cmap="viridis")
    return figure
