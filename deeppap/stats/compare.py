"""The same cells under two runs: which is right more often, and whose AUC is larger; by group where groups are known.

Both tests are one formula each, in which a cell without a group is a group of its own:

- right or wrong: an exact sign-flip test. Under the hypothesis a group's difference (cells only the first run has
  right, minus cells only the second has) is as likely with the other sign; the distribution of the sum is worked out
  exactly. With cells as the groups this is McNemar's exact test.
- AUC: DeLong's test of two correlated AUCs, with Obuchowski's variance for clustered data (1997), which for cells
  as the clusters is DeLong's own (1988).
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from deeppap.scoring.results import RunResult
from deeppap.stats.intervals import weighted
from deeppap.stats.metrics import THRESHOLD, binary_metrics, checked, right
from deeppap.stats.resampling import Limits, resampled, units_of


class Paired(NamedTuple):
    """Cells that two runs have both scored: arrays (n,); `groups` is None where a cell has none."""

    ids: tuple[str, ...]
    labels: np.ndarray
    first: np.ndarray
    second: np.ndarray
    groups: np.ndarray | None


def paired(first: RunResult, second: RunResult) -> Paired | None:
    """The cells in common; None for runs of two data sets, or without a scored cell in common."""
    if first.record.dataset.dataset_sha != second.record.dataset.dataset_sha:
        return None
    tables = [dict(zip(run.ids, run.pooled("scores"), strict=True)) if run.folds else {} for run in (first, second)]
    ids = tuple(sorted(tables[0].keys() & tables[1].keys()))
    if not ids:
        return None
    # one of the two may not know them: an external validation takes the images of a set without groups
    groups = [first.cells[cell].group or second.cells[cell].group for cell in ids]
    scores = [np.array([table[cell] for cell in ids]) for table in tables]
    labels = np.array([first.cells[cell].label for cell in ids])
    return Paired(ids, labels, *scores, None if None in groups else np.array(groups))


def compare(
    labels: Sequence[int],
    first: Sequence[float],
    second: Sequence[float],
    groups: Sequence[Hashable] | None = None,
) -> dict[str, Any]:
    """Both tests of two scores (n,) of the same cells.

    Returns cells, groups (None without), only_first, only_second (cells that one run alone has right),
    p_right, auc (first, second), difference, interval (95 %) and p_auc; the last four None with one class alone.
    """
    truth, one = checked(labels, first)
    _, two = checked(labels, second)
    names = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    unit = np.arange(len(truth)) if names is None else names
    right_one, right_two = right(truth, one), right(truth, two)
    found = {"cells": len(truth), "groups": None if names is None else int(names.max()) + 1}
    found |= {"only_first": int((right_one & ~right_two).sum()), "only_second": int((right_two & ~right_one).sum())}
    found["p_right"] = sign_flip(np.bincount(unit, right_one.astype(float) - right_two).astype(int))
    return found | delong(truth, one, two, unit)


def gain(
    labels: Sequence[int],
    first: Sequence[float],
    second: Sequence[float],
    metric: str,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> tuple[float, Limits | None] | None:
    """By how much the second scores (n,) are better than the first on the same cells, and the 95 % interval of that.

    Paired: both are counted over the same resampling of groups, each drawn whole. None where the metric is undefined.
    """
    truth, one = checked(labels, first)
    _, two = checked(labels, second)
    values = [binary_metrics(truth, scores)[metric] for scores in (one, two)]
    if None in values:
        return None

    unit = units_of(groups, len(truth))

    def difference(draws: np.ndarray) -> np.ndarray:
        old, new = (weighted(truth, scores, draws[:, unit], THRESHOLD)[metric] for scores in (one, two))
        return new - old

    return values[1] - values[0], resampled(difference, unit, seed)


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided exact P of a sum at least as far from 0 if every difference's sign were tossed."""
    values = [abs(int(value)) for value in differences if value]
    total, chances = sum(values), np.ones(1)
    for value in values:  # chances[i] of a sum 2 i - (sum so far)
        step = np.zeros(value + 1)
        step[[0, -1]] = 0.5
        chances = np.convolve(chances, step)
    sums = 2 * np.arange(total + 1) - total
    return float(min(1.0, chances[np.abs(sums) >= abs(sum(map(int, differences)))].sum()))


def delong(truth: np.ndarray, first: np.ndarray, second: np.ndarray, unit: np.ndarray) -> dict[str, Any]:
    """DeLong's test of two AUCs of the same cells, clustered by `unit`, int64 (n,)."""
    if truth.min() == truth.max():
        return dict.fromkeys(("auc", "difference", "interval", "p_auc"))
    places = [_placements(truth, scores) for scores in (first, second)]
    areas = [float(abnormal.mean()) for abnormal, _ in places]
    gap = areas[0] - areas[1]
    abnormal, normal = (places[0][side] - places[1][side] for side in (0, 1))
    error = float(np.sqrt(max(0.0, _variance(abnormal, normal, gap, truth, unit))))
    if error < 1e-12 and (abnormal.any() or normal.any()):  # no spread to be had, and yet they differ: not known
        return {"auc": tuple(areas), "difference": gap, "interval": None, "p_auc": None}
    p = float(2 * norm.sf(abs(gap) / error)) if error >= 1e-12 else 1.0  # the two order all cells alike
    half = float(norm.ppf(0.975)) * error
    return {"auc": tuple(areas), "difference": gap, "interval": (gap - half, gap + half), "p_auc": p}


def _placements(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each abnormal cell the share of normal ones below it, for each normal one of abnormal above; ties half."""
    abnormal, normal = np.sort(scores[truth == 1]), np.sort(scores[truth == 0])

    def below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
        sides = (np.searchsorted(others, values, side) for side in ("left", "right"))
        return sum(sides) / (2 * len(others))

    return below(scores[truth == 1], normal), 1 - below(scores[truth == 0], abnormal)


def _variance(abnormal: np.ndarray, normal: np.ndarray, mean: float, truth: np.ndarray, unit: np.ndarray) -> float:
    """Obuchowski's variance of an AUC, or of a difference of two, from its placements (his S10, S01 and S11)."""
    clusters = int(unit.max()) + 1
    of_abnormal, of_normal = unit[truth == 1], unit[truth == 0]
    up = np.bincount(of_abnormal, abnormal - mean, clusters)
    down = np.bincount(of_normal, normal - mean, clusters)
    held_up, held_down = len(set(of_abnormal.tolist())), len(set(of_normal.tolist()))
    if min(held_up, held_down) < 2:
        return 0.0
    a, n = len(of_abnormal), len(of_normal)
    first = held_up / (held_up - 1) * (up**2).sum() / a**2
    second = held_down / (held_down - 1) * (down**2).sum() / n**2
    both = 2 * clusters / (clusters - 1) * (up * down).sum() / (a * n)
    return float(first + second + both)
