"""FROC: the share of abnormal cells that a screening finds and calls, against the false calls that it makes a field.

Fields are the units: cells of one field are alike, so that whole groups of fields are resampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deeppap.stats.intervals import Interval, bootstrap_interval


@dataclass(frozen=True)
class Froc:
    """What a FROC curve is made of."""

    marks: np.ndarray  # float64 (A,): the score of each abnormal mark; -inf if it was not found
    mark_unit: np.ndarray  # int64 (A,)
    false: np.ndarray  # float64 (F,): the score of each detection that hit no abnormal mark
    false_unit: np.ndarray  # int64 (F,)
    fields: np.ndarray  # int64 (U,): of each unit

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """False calls a field and sensitivity at every threshold, float64 (T,) each, from the strictest."""
        thresholds = np.unique(np.concatenate([self.marks[np.isfinite(self.marks)], self.false]))[::-1]
        rates, found = (
            np.searchsorted(np.sort(-scores), -thresholds, side="right") for scores in (self.false, self.marks)
        )
        return rates / self.fields.sum(), found / max(len(self.marks), 1)

    def sensitivity(self, rates: Sequence[float]) -> np.ndarray:
        """Sensitivity at so many false calls a field or fewer, float64 (R,); NaN without an abnormal mark."""
        return self._sensitivity(np.ones((1, len(self.fields)), np.int64), rates)[:, 0]

    def intervals(self, rates: Sequence[float]) -> list[Interval]:
        """95 % intervals of `sensitivity`, by units."""
        unit = np.arange(len(self.fields))
        return [bootstrap_interval(lambda draws, r=rate: self._sensitivity(draws, [r])[0], unit) for rate in rates]

    def _sensitivity(self, draws: np.ndarray, rates: Sequence[float]) -> np.ndarray:
        """float64 (rates, draws) for how often each unit was drawn, int64 (draws, U)."""
        order = np.argsort(-self.false, kind="stable")
        scores = self.false[order]
        calls = np.cumsum(draws[:, self.false_unit[order]], axis=1)
        weights = draws[:, self.mark_unit]
        out = np.full((len(rates), len(draws)), np.nan)
        for row, rate in enumerate(rates):
            # the first false call that is one too many: a mark must be called before it
            over = np.column_stack([calls > rate * (draws @ self.fields)[:, None], np.ones(len(draws), bool)])
            first = over.argmax(axis=1)
            limit = np.append(scores, -np.inf)[first]
            called = (self.marks[None] > limit[:, None]) & np.isfinite(self.marks)
            with np.errstate(invalid="ignore"):
                out[row] = (weights * called).sum(axis=1) / weights.sum(axis=1)
        return out
