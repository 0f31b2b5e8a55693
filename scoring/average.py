"""The mean of several nets' scores of the same cells, as the five of one study."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from scoring.cell_score import CellScore


def averaged(each: Iterable[Iterable[CellScore]]) -> Iterator[CellScore]:
    """Every cell's scores averaged over the nets, view by view, in the cells' order: all nets saw the same views."""
    for same in zip(*each, strict=True):
        names = ("prob", "view_scores", "centre_scores")
        means = {name: np.mean([getattr(score, name) for score in same], axis=0) for name in names}
        yield replace(same[0], **means)
