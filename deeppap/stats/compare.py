"""Two scores of the same cells: which is right more often, and whose AUC is larger; by group where groups are known.

Both tests are one formula each, in which a cell without a group is a group of its own:

- right or wrong: an exact sign-flip test. Under the hypothesis a group's difference (cells only the first run has
  right, minus cells only the second has) is as likely with the other sign; the distribution of the sum is worked out
  exactly. With cells as the groups this is McNemar's exact test.
- AUC: DeLong's test of two correlated AUCs, with Obuchowski's variance for clustered data (1997), which for cells
  as the clusters is DeLong's own (1988).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from deeppap.stats.intervals import TOO_FEW, Groups, Interval, bootstrap_interval, too_few, units_of, weighted
from deeppap.stats.metrics import binary_metrics, checked, right


def compare(
    labels: Sequence[int], first: Sequence[float], second: Sequence[float], groups: Groups = None
) -> dict[str, Any]:
    """Both tests of two scores (n,) of the same cells.

    cells, groups (None without), only_first, only_second (cells that one side alone has right), p_right, auc (first,
    second), difference, interval (95 %) and p_auc; the last four are None with one class alone.
    """
    truth, one = checked(labels, first)
    _, two = checked(labels, second)
    unit = units_of(groups, len(truth))
    right_one, right_two = right(truth, one), right(truth, two)
    found = {"cells": len(truth), "groups": None if groups is None else int(unit.max()) + 1}
    found |= {"only_first": int((right_one & ~right_two).sum()), "only_second": int((right_two & ~right_one).sum())}
    # a group's difference is an integer, so the exact distribution has few points
    found["p_right"] = sign_flip(np.bincount(unit, right_one.astype(float) - right_two).astype(int))
    return found | delong(truth, one, two, unit)


def gain(
    labels: Sequence[int], first: Sequence[float], second: Sequence[float], metric: str, groups: Groups = None
) -> tuple[float, Interval] | None:
    """By how much the second scores (n,) are better than the first on the same cells, and the interval of that.

    Paired: both are counted over the same resamples of groups. None if the metric is undefined.
    """
    truth, one = checked(labels, first)
    _, two = checked(labels, second)
    values = [binary_metrics(truth, scores)[metric] for scores in (one, two)]
    if None in values:
        return None
    unit = units_of(groups, len(truth))

    def difference(draws: np.ndarray) -> np.ndarray:
        old, new = (weighted(truth, scores, draws[:, unit], metric) for scores in (one, two))
        return new - old

    # nets judged by the same draws: what makes a field easy cancels out
    limits = TOO_FEW if too_few(truth, unit, metric) else bootstrap_interval(difference, unit)
    return values[1] - values[0], limits


def sign_flip(differences: Sequence[int]) -> float:
    """Two-sided exact P of a sum at least as far from 0 if every difference's sign were tossed."""
    values = [abs(int(value)) for value in differences if value]
    total, chances = sum(values), np.ones(1)
    for value in values:  # chances[i] of a sum 2 i - (sum so far)
        # each sign adds either -value or +value, with a half of the chance
        step = np.zeros(value + 1)
        step[[0, -1]] = 0.5
        chances = np.convolve(chances, step)
    sums = 2 * np.arange(total + 1) - total
    return float(min(1.0, chances[np.abs(sums) >= abs(sum(map(int, differences)))].sum()))


def delong(truth: np.ndarray, first: np.ndarray, second: np.ndarray, unit: np.ndarray) -> dict[str, Any]:
    """DeLong's test of two AUCs of the same cells, clustered by `unit`, int64 (n,).

    With fewer than FEWEST clusters of either class the variance is not known, and there is no P.
    """
    if truth.min() == truth.max():
        return dict.fromkeys(("auc", "difference", "interval", "p_auc"))
    places = [_placements(truth, scores) for scores in (first, second)]
    areas = tuple(float(abnormal.mean()) for abnormal, _ in places)
    gap = areas[0] - areas[1]
    found = {"auc": areas, "difference": gap, "interval": None, "p_auc": None}
    if too_few(truth, unit, "auc"):
        return found | {"interval": TOO_FEW}
    abnormal, normal = (places[0][side] - places[1][side] for side in (0, 1))
    # rounding can take a variance of nothing below zero
    error = float(np.sqrt(max(0.0, _variance(abnormal, normal, gap, truth, unit))))
    if error < 1e-12 and (abnormal.any() or normal.any()):  # they differ, and yet nothing varies: not known
        return found
    p = float(2 * norm.sf(abs(gap) / error)) if error >= 1e-12 else 1.0  # the two order all cells alike
    # DeLong's interval is symmetric: it is that of a normal distribution
    half = float(norm.ppf(0.975)) * error
    return found | {"interval": (gap - half, gap + half), "p_auc": p}


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
    # placements of one cluster are added before they are squared: cells of a field vary together
    up = np.bincount(of_abnormal, abnormal - mean, clusters)
    down = np.bincount(of_normal, normal - mean, clusters)
    held_up, held_down = len(np.unique(of_abnormal)), len(np.unique(of_normal))
    a, n = len(of_abnormal), len(of_normal)
    first = held_up / (held_up - 1) * (up**2).sum() / a**2
    second = held_down / (held_down - 1) * (down**2).sum() / n**2
    both = 2 * clusters / (clusters - 1) * (up * down).sum() / (a * n)
    return float(first + second + both)
