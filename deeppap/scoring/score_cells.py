"""Cells in, scores out: probabilities of views x crops, averaged (paper: random-view aggregation)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from data_prep.cells import Cell
from data_prep.classes import ABNORMAL, NEITHER, NORMAL, THRESHOLD, CellClass, outputs_with
from data_prep.views import View
from deeppap.engines.engine import ViewInput
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import CellViews
from deeppap.scoring.fill_views import filled_ahead, filled_in_turn

if TYPE_CHECKING:
    from deeppap.scoring.ood import OODReference


@dataclass(frozen=True)
class CellScore:
    """One cell's scores.

    Attributes
    ----------
    outputs : sequence of CellClass
        What the net's outputs stand for.
    views : list of (int, View)
        The views that were scored, each with its number in the plan.
    prob : ndarray, float64 (K,)
        Mean probabilities over views and crops.
    view_scores, centre_scores : ndarray, float64 (V,)
        P(abnormal) of each view: mean over its crops, and of its centre crop alone.
    ood_score : float or None
        Distance from the cells that the net was trained on, in units of the limit; None if it was not asked for.
    threshold : float
        A score of this or more is called abnormal.
    """

    cell: Cell
    outputs: Sequence[CellClass]
    views: list[tuple[int, View]]
    prob: np.ndarray
    view_scores: np.ndarray
    centre_scores: np.ndarray
    ood_score: float | None = None
    threshold: float = THRESHOLD

    @property
    def score(self) -> float:
        """P(abnormal), averaged over views and crops."""
        return float(abnormal(self.prob, self.outputs))

    @property
    def label(self) -> str:
        """What the cell is called: "abnormal" from the threshold on, else "normal" or "neither".

        It is neither if the classes that are so are together likelier than the normal ones.
        """
        if self.score >= self.threshold:
            return ABNORMAL
        neither, normal = (self.prob[outputs_with(label, self.outputs)].sum() for label in (NEITHER, NORMAL))
        return NEITHER if neither > normal else NORMAL

    @property
    def kind(self) -> str:
        """The likeliest class of those with that label; of a net of two classes the label itself."""
        return self.outputs[self._kind_index].name

    @property
    def p_kind(self) -> float:
        """The probability of that class."""
        return float(self.prob[self._kind_index])

    @property
    def _kind_index(self) -> int:
        return max(outputs_with(self.label, self.outputs), key=lambda index: self.prob[index])

    @property
    def called(self) -> str:
        """The label in a word for people: of a cell that is neither, the class, such as "junk"."""
        return self.kind if self.label == NEITHER else self.label

    @property
    def most_likely(self) -> str:
        """The class of the largest output."""
        return self.outputs[int(self.prob.argmax())].name

    @property
    def spread(self) -> float:
        """Standard deviation of P(abnormal) over the views."""
        return float(self.view_scores.std())

    @property
    def out_of_distribution(self) -> bool | None:
        """Whether the cell lies beyond the limit, so that its score means little; None if it was not asked for."""
        return None if self.ood_score is None else self.ood_score > 1


def abnormal(prob: np.ndarray, outputs: Sequence[CellClass]) -> np.ndarray:
    """P(abnormal) of probabilities (..., K): the sum over the outputs whose classes are abnormal."""
    # a softmax's float32 values may add up to a little more than 1
    return np.minimum(prob[..., outputs_with(ABNORMAL, outputs)].sum(axis=-1), 1)


def score_cells(
    view_input: ViewInput,
    cells: Iterable[CellViews],
    outputs: Sequence[CellClass],
    reference: "OODReference | None" = None,
) -> Iterator[CellScore]:
    """Score cells one after another, in their order; neither the cells nor their pixels are held.

    `view_input` is an engine made ready with the mean image of the set that its net was trained on; `outputs` are what
    the net's outputs stand for. `reference` tells from the same passes which cells are out of distribution.
    """
    if reference is None:
        yield from (score for score, _ in scores_with_layer(view_input, cells, outputs, None))
        return
    for score, features in scores_with_layer(view_input, cells, outputs, reference.layer):
        yield replace(score, ood_score=reference.score(features))


def all_scores(scored: Iterable[CellScore], cells: int, what: str) -> list[CellScore]:
    """The scores of so many cells in the order of the cells' ids, with a bar of progress that says `what` is done."""
    # they come image by image
    return sorted(progress(scored, total=cells, desc=what, unit="cell"), key=lambda score: score.cell.id)


def judged_cells(scores: Sequence[CellScore]) -> tuple[list[int], list[float], list[str] | None]:
    """Labels, scores and groups of the normal and abnormal cells; no groups if one of these cells has none."""
    judged = [score for score in scores if score.cell.label < 2]  # the others have no place in the order
    groups = [score.cell.group for score in judged]
    labels, values = [score.cell.label for score in judged], [score.score for score in judged]
    return labels, values, None if None in groups else groups


def scores_with_layer(
    view_input: ViewInput, cells: Iterable[CellViews], outputs: Sequence[CellClass], layer: str | None
) -> Iterator[tuple[CellScore, np.ndarray | None]]:
    """Each cell's score, and what a layer gives for the centre crop of each of its views, float32 (V, C)."""
    fill = filled_ahead if view_input.ahead else filled_in_turn
    probs: list[np.ndarray] = []  # of the views of one cell so far
    features: list[np.ndarray] = []
    for chunk, memory in fill(view_input, cells):
        if layer is None:
            prob, values = view_input(memory), [None] * len(chunk)
        else:
            prob, values = view_input.with_layer(memory, layer)
        # small cells share a chunk, and a large cell takes several
        # the order of the cells is the order of the views, so a cell is whole once all of its views have come
        for index, (cell, _) in enumerate(chunk):
            probs.append(prob[index])
            features.append(values[index])
            if len(probs) == len(cell.views):
                yield _mean_of(cell, outputs, np.stack(probs).astype(np.float64)), layer and np.stack(features)
                probs, features = [], []


def _mean_of(cell: CellViews, outputs: Sequence[CellClass], prob: np.ndarray) -> CellScore:
    """Average probabilities (views, crops, K)."""
    # in float64: a mean of a thousand float32 values loses digits
    score = abnormal(prob, outputs)
    return CellScore(cell.cell, outputs, cell.views, prob.mean(axis=(0, 1)), score.mean(axis=1), score[:, 0])


def averaged(of_nets: Iterable[Iterable[CellScore]]) -> Iterator[CellScore]:
    """Every cell's scores averaged over several nets, view by view; all nets saw the same views of the same cells.

    The OOD score is averaged too; it is None if one of the nets has none.
    """
    for same in zip(*of_nets, strict=True):
        names = ("prob", "view_scores", "centre_scores")
        means = {name: np.mean([getattr(score, name) for score in same], axis=0) for name in names}
        # of nets that saw other training cells: far from all of them is far
        ood = [score.ood_score for score in same]
        yield replace(same[0], **means, ood_score=None if None in ood else float(np.mean(ood)))
