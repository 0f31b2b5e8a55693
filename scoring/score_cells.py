"""Scores of cells: views x crops probabilities each, averaged (paper: random-view aggregation, "Transfer Learning")."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data_prep.cells import Cell
from data_prep.herlev_classes import CLASSES
from data_prep.views import Grid, View, plan_view, read_neighbourhood, render, shift_centre, spread
from engines.caffe_engine import CPU_BATCH
from engines.caffe_views import ViewScorer
from engines.crops import CROPS, crop_views
from scoring.render_pool import rendered

Scorer = Callable[[np.ndarray], np.ndarray] | ViewScorer


@dataclass(frozen=True)
class CellScore:
    """One cell's scores.

    Attributes
    ----------
    prob : ndarray, float64 (K,)
        Mean probabilities over views and crops.
    view_scores, centre_scores : ndarray, float64 (V,)
        P(abnormal) of each view: mean over its crops, and of its centre crop alone.
    """

    cell: Cell
    views: list[tuple[int, View]]
    prob: np.ndarray
    view_scores: np.ndarray
    centre_scores: np.ndarray

    @property
    def score(self) -> float:
        """P(abnormal), averaged over views and crops."""
        return float(abnormal(self.prob))


@dataclass(frozen=True)
class Counts:
    """How many of a cell's test views, and of each view's crops, are scored."""

    views: int
    crops: int = CROPS


def abnormal(prob: np.ndarray) -> np.ndarray:
    """P(abnormal) of probabilities (..., K): the second of two classes, or the abnormal ones of seven."""
    if prob.shape[-1] == 2:
        return prob[..., 1]
    return prob[..., [index for index, known in enumerate(CLASSES) if known.label]].sum(axis=-1)


def planned_views(cell: Cell, grid: Grid, count: int, seed: int) -> list[tuple[int, View]]:
    """The first `count` of a cell's test views, spread over the rotations, with their index in the plan."""
    return [(i, plan_view(cell.id, "test", grid, i, seed)) for i in spread(grid.views, count)]


def render_views(cell: Cell, views: Sequence[View]) -> np.ndarray:
    """Views of a cell, uint8 (V, 256, 256, 3), BGR."""
    region, centre = read_neighbourhood(cell)
    return np.stack([render(region, centre, view) for view in views])


def _chunks(cells: Sequence[Cell], plans: list[list], size: int) -> list[tuple[int, Cell, list[View]]]:
    """Up to `size` views of one cell at a time, with the cell's index."""
    return [
        (index, cell, [view for _, view in plans[index][start : start + size]])
        for index, cell in enumerate(cells)
        for start in range(0, len(plans[index]), size)
    ]


def _scored(
    scorer: Scorer, cells: Sequence[Cell], plans: list[list], mean: np.ndarray, crop: int, counts: Counts
) -> Iterator[tuple[int, np.ndarray]]:
    """A cell's index and the probabilities of some views' crops, in order."""
    if isinstance(scorer, ViewScorer):
        chunks = _chunks(cells, plans, scorer.views)
        for (index, *_), views in zip(chunks, rendered([chunk[1:] for chunk in chunks]), strict=True):
            yield index, scorer(views)
    else:
        for index, crops in _batches(scorer, cells, plans, mean, crop, counts):
            yield index, scorer(crops)


def _threads() -> int:
    """As many threads as Caffe takes."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else len(os.sched_getaffinity(0))


def _batches(
    scorer: Scorer, cells: Sequence[Cell], plans: list[list], mean: np.ndarray, crop: int, counts: Counts
) -> Iterator[tuple[int, np.ndarray]]:
    """A cell's index and the crops of some of its views, made by all cores; valid until the next."""
    at_once = max(1, getattr(scorer, "batch", CPU_BATCH) // counts.crops)
    room = getattr(scorer, "room", lambda count: np.empty((count, 3, crop, crop), np.float32))
    read_once = lru_cache(maxsize=1)(read_neighbourhood)  # a cell's chunks come one after another
    with ThreadPoolExecutor(_threads()) as pool:
        for index, cell, views in _chunks(cells, plans, at_once):
            region, centre = read_once(cell)
            crops = room(len(views) * counts.crops)

            def make(view: View, out: np.ndarray, region=region, centre=centre) -> None:
                crop_views(render(region, centre, view)[None], mean, crop, counts.crops, out)

            list(pool.map(make, views, crops.reshape(len(views), counts.crops, *crops.shape[1:])))
            yield index, crops


def score_cells(
    scorer: Scorer,
    cells: Sequence[Cell],
    mean: np.ndarray,
    crop: int,
    grid: Grid,
    counts: Counts,
    seed: int,
    shift: int = 0,
) -> Iterator[CellScore]:
    """Score cells one after another.

    Parameters
    ----------
    mean : ndarray, float32 (3, 256, 256)
        Of the training set the scorer's model was trained on.
    shift : int
        Move each true centre by up to so many pixels first (paper: Table 3, delta 5 and 10).
    """
    moved = [shift_centre(cell, shift, seed) for cell in cells]
    plans = [planned_views(cell, grid, counts.views, seed) for cell in moved]
    parts: list[np.ndarray] = []
    for index, prob in _scored(scorer, moved, plans, mean, crop, counts):
        parts.append(prob)
        if sum(map(len, parts)) == len(plans[index]) * counts.crops:
            yield _collect(cells[index], plans[index], parts, counts.crops)
            parts = []


def _collect(cell: Cell, views: list, parts: list[np.ndarray], crops: int) -> CellScore:
    prob = np.concatenate(parts).astype(np.float64).reshape(len(views), crops, -1)
    score = abnormal(prob)
    return CellScore(cell, views, prob.mean(axis=(0, 1)), score.mean(axis=1), score[:, 0])
