"""A screening judged by marked fields: of each mark whether it was found and called, of each detection what it hit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.classes import known_class
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.nuclei.evaluation import is_abnormal, match
from deeppap.screening.nuclei.fields import Field
from deeppap.screening.nuclei.nucleus import Nucleus

# a net of several classes may call what it does not call abnormal junk, for instance
NOT_FOUND, NOT_CALLED, CALLED = "not found", "found, not called abnormal", "called abnormal"


@dataclass(frozen=True)
class Finding:
    """A mark and what became of it."""

    field: Field
    x: float
    y: float
    label: str  # its class as every table names it
    abnormal: bool
    score: float = -np.inf  # P(abnormal) of the cell that was found there; -inf if none was

    @property
    def found(self) -> bool:
        """Whether a nucleus was detected there."""
        return bool(np.isfinite(self.score))

    @property
    def outcome(self) -> str:
        """What became of it."""
        if not self.found:
            return NOT_FOUND
        return CALLED if self.score >= ABNORMAL else NOT_CALLED


@dataclass(frozen=True)
class FieldOutcome:
    """A field, its marks, and its detections that hit no abnormal mark."""

    field: Field
    findings: Sequence[Finding]
    on_normal: np.ndarray  # scores of detections on normal marks, float64 (N,)
    unmarked: np.ndarray  # scores of detections without a mark, float64 (M,)

    @property
    def cells(self) -> int:
        """Detections of the field."""
        return sum(f.found for f in self.findings) + len(self.unmarked)

    @property
    def false_scores(self) -> np.ndarray:
        """Scores of what would be false if it were called, float64 (K,)."""
        return np.concatenate([self.on_normal, self.unmarked])


def outcome_of(field: Field, cells: Sequence[ScreenedCell]) -> FieldOutcome:
    """A field's screened cells matched with its marks, one to one: a mark in an outline, or near a centre, is a hit."""
    result = match(field, [Nucleus(c.x, c.y, c.area_um2, c.confidence, c.outline) for c in cells], regions=True)
    scores = {mark: cells[cell].score for cell, mark in result.pairs.tolist()}
    findings = []
    for index, ((x, y), label) in enumerate(zip(field.points.tolist(), field.labels, strict=True)):
        known = known_class(label)
        name = known.name if known else label or "no class"
        findings.append(Finding(field, x, y, name, is_abnormal(label), scores.get(index, -np.inf)))
    on_normal = np.array([f.score for f in findings if f.found and not f.abnormal])
    return FieldOutcome(field, findings, on_normal, np.array([cells[index].score for index in result.false]))
