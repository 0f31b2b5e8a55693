"""Keeping the arrays that the figures of the net show (paper: Fig. 6 and 7)."""

from pathlib import Path

import numpy as np

from common.caffe_messages import read_binary
from common.files import complete_or_absent, read_json
from data_prep.views import Grid
from engines.caffe_engine import CaffeScorer
from engines.crops import crop_views
from engines.weights_file import blob_array, layers_of
from scoring.open_fold import FoldToScore
from scoring.score_cells import planned_views, render_views

FIGURE_LAYERS = ("pool1", "pool2", "pool5")


def write_net_figures(fold: FoldToScore, scorer: CaffeScorer, grid: Grid) -> None:
    """Keep what Fig. 6 and 7 show: conv1's filters before and after, and the maps of the fold's first cell."""
    cell = fold.cells[0]
    view = render_views(cell, [view for _, view in planned_views(cell, grid, 1, fold.config.seed)])
    crop = crop_views(view, fold.mean, scorer.crop, 1)[0]
    arrays = {"conv1_after": scorer.filters(), "input": crop, "cell_id": np.array(cell.id)}
    arrays |= scorer.activations(crop, FIGURE_LAYERS)
    before = _source_filters(fold.folder)
    if before is not None:
        arrays["conv1_before"] = before
    with complete_or_absent(fold.folder / "net_figures.npz") as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _source_filters(folder: Path) -> np.ndarray | None:
    weights = read_json(folder.resolve().parent / "run.json", "tools/build_lmdb.py").get("weights")
    if not weights or not Path(weights["path"]).exists():
        return None
    return blob_array(layers_of(read_binary(Path(weights["path"]), "NetParameter", ""))["conv1"][0])
