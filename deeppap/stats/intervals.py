"""95 % intervals: whole groups of cells are resampled where groups are known, else cells (SciPy's bootstrap).

Cells of one field or patient are alike. Resampling single cells would make every interval too narrow.
"""

import warnings
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from deeppap.stats.metrics import METRICS, THRESHOLD, binary_metrics, checked, mean_and_std, of_counts, outcomes, right

LEVEL = 0.95
RESAMPLES = 2000
CHUNK = 250  # resamples at a time, to bound the memory
MOST_BCA = 2000  # units; BCa leaves out each one in turn, and for more units percentiles are as good
FEWEST = 5  # groups: two or three can be drawn in so few ways that their spread says nothing
TOO_FEW = "too few groups"  # stands in place of an interval
COUNTED = ("sens", "spec", "acc")  # shares of a number of cells, for which Wilson's interval holds

Limits = tuple[float, float]
# limits; TOO_FEW; or None if the figure is undefined or no resampling can change it
Interval = Limits | str | None
Groups = Sequence[Hashable] | None


def wilson(k: int, n: int) -> Limits:
    """Wilson's 95 % interval of a share of k in n, as fractions."""
    from scipy.stats import binomtest  # takes a second to load, and screening needs no interval

    low, high = binomtest(k, n).proportion_ci(LEVEL, method="wilson")
    return float(low), float(high)


def units_of(groups: Groups, cells: int) -> np.ndarray:
    """The number of each cell's group, int64 (cells,); without groups each cell is a group of its own."""
    return np.arange(cells) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]


def bootstrap_interval(figure: Callable[[np.ndarray], np.ndarray], unit: np.ndarray) -> Interval:
    """The bootstrap interval of any figure, whole units drawn with replacement.

    `figure` takes how often each unit was drawn, int64 (R, units), and gives its values, float64 (R,), NaN where
    undefined. `unit` is the unit of each cell, int64 (cells,), as from `units_of`.

    BCa; percentiles where BCa does not hold (a figure that is undefined in some resamples, or many units). None if the
    figure is undefined in all resamples, or the same in all: a width of 0 is no evidence of certainty.
    """
    from scipy.stats import bootstrap  # slow to load

    # an empty selection, such as a class without a cell, has no units
    units = int(unit.max()) + 1 if len(unit) else 0
    if units < FEWEST:
        return TOO_FEW

    # SciPy resamples the units' numbers; a figure wants to know how often each was drawn
    def statistic(picks: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = picks.reshape(-1, picks.shape[axis])
        parts = (rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK))
        return np.concatenate([figure(_drawn(part, units)) for part in parts]).reshape(picks.shape[:-1])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of a degenerate distribution: it shows as NaN
        found = bootstrap(
            (np.arange(units),),
            statistic,
            n_resamples=RESAMPLES,
            batch=CHUNK,
            confidence_level=LEVEL,
            method="BCa" if units <= MOST_BCA else "percentile",
            rng=np.random.default_rng(0),
        )
    return _limits(found.confidence_interval, found.bootstrap_distribution)


def sums_by_unit(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Values of cells (n,) or (n, k) added up by unit: float64 (units,) or (units, k)."""
    total = np.zeros((int(unit.max()) + 1, *values.shape[1:]))
    np.add.at(total, unit, values)
    return total


def mean_interval(values: Sequence[float], groups: Groups) -> Interval:
    """The interval of a mean over cells."""
    value = np.asarray(values, np.float64)
    unit = units_of(groups, len(value))
    table = sums_by_unit(np.column_stack([value, np.ones(len(value))]), unit)

    def mean(draws: np.ndarray) -> np.ndarray:
        total, cells = (draws @ table).T
        return total / cells

    return bootstrap_interval(mean, unit)


def share_interval(hits: Sequence[bool], groups: Groups) -> Interval:
    """The interval of a share of cells; None without a cell.

    Without groups it is Wilson's, which takes cells as independent. If every cell is a hit or none is, no resampling
    can change the share: then it is Wilson's with the groups as the units.
    """
    hit = np.asarray(hits, bool)
    if not len(hit):
        return None
    if groups is None:
        return wilson(int(hit.sum()), len(hit))
    units = int(units_of(groups, len(hit)).max()) + 1
    if units < FEWEST:
        return TOO_FEW
    # SciPy would give an interval of no width, as if it were certain
    if hit.all() or not hit.any():
        return wilson(units if hit.all() else 0, units)
    return mean_interval(hit, groups)


def interval(
    labels: Sequence[int],
    scores: Sequence[float],
    metric: str,
    groups: Groups = None,
    threshold: float = THRESHOLD,
) -> Interval:
    """The interval of one of METRICS, as the tables print it.

    With `groups` (one name a cell) whole groups are resampled; a share without any error, or without any hit, has
    Wilson's interval of the groups. Without groups it is Wilson's for a share of cells, else cells are resampled.
    """
    truth, score = checked(labels, scores)
    # the cells that the share is a share of
    if metric in COUNTED:
        # sensitivity is a share of the abnormal cells, specificity of the normal ones
        of = np.ones(len(truth), bool) if metric == "acc" else truth == {"sens": 1, "spec": 0}[metric]
        hits, own = right(truth, score, threshold)[of], None if groups is None else np.asarray(groups)[of]
        if own is None or not len(hits) or hits.all() or not hits.any():
            return share_interval(hits, own)
    unit = units_of(groups, len(truth))
    if too_few(truth, unit, metric):
        return TOO_FEW
    if metric == "auc":
        return bootstrap_interval(lambda draws: _auc(truth, score, draws[:, unit]), unit)
    # four counts a group are enough for every share: a resample is one product of matrices
    counts = sums_by_unit(outcomes(truth, score, threshold), unit)
    return bootstrap_interval(lambda draws: of_counts(draws @ counts, metric), unit)


def too_few(truth: np.ndarray, unit: np.ndarray, metric: str) -> bool:
    """Whether the cells that a metric is counted on lie in fewer groups than an interval needs."""
    # the labels whose cells a metric needs; accuracy takes cells of either
    sides = {"sens": (1,), "spec": (0,), "f": (1,), "hmean": (0, 1), "auc": (0, 1)}.get(metric)
    if sides is None:  # all cells count
        return len(np.unique(unit)) < FEWEST
    held = [len(np.unique(unit[truth == side])) for side in sides]
    # without a cell of one class the metric is undefined, which is another matter
    return 0 < min(held) < FEWEST


def weighted(truth: np.ndarray, score: np.ndarray, weights: np.ndarray, metric: str) -> np.ndarray:
    """A metric of cells counted `weights` (R, n) times: float64 (R,), NaN where undefined."""
    if metric == "auc":
        return _auc(truth, score, weights)
    return of_counts(weights @ outcomes(truth, score, THRESHOLD), metric)


def summary(folds: Sequence[tuple[np.ndarray, np.ndarray]], groups: Groups = None) -> dict[str, dict]:
    """The figures of the paper's Tables 3 and 5 from (labels, scores) of each fold.

    "folds": a list of metrics, one a fold; "over_folds": their mean and deviation by metric; "pooled": the metrics of
    all cells; "interval": those of the pooled metrics, by `groups`, one name a cell of all folds.
    """
    each = [binary_metrics(*fold) for fold in folds]
    truth, score = (np.concatenate(parts) for parts in zip(*folds, strict=True))
    return {
        "folds": each,
        "over_folds": {name: mean_and_std([metrics[name] for metrics in each]) for name in METRICS},
        "pooled": binary_metrics(truth, score),
        "interval": {name: interval(truth, score, name, groups) for name in METRICS},
    }


def _auc(truth: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC as the share of (abnormal, normal) pairs in the right order, ties half."""
    # pairs are counted for each distinct score at once: comparing all pairs would take n * n * R steps
    order = np.argsort(score, kind="stable")
    starts = np.unique(score[order], return_index=True)[1]
    ordered, is_abnormal = weights[:, order], truth[order] == 1
    normal, abnormal = (np.add.reduceat(ordered * mask, starts, axis=1) for mask in (~is_abnormal, is_abnormal))
    below = np.cumsum(normal, axis=1) - normal
    with np.errstate(invalid="ignore", divide="ignore"):
        return (abnormal * (below + normal / 2)).sum(1) / (normal.sum(1) * abnormal.sum(1))


def _limits(limits: Sequence[float], values: np.ndarray) -> Limits | None:
    """SciPy's limits where they are numbers, else percentiles of the resamples that are."""
    known = values[~np.isnan(values)]
    if not known.size or np.ptp(known) < 1e-12:  # rounding
        return None
    # BCa's correction is made of leave-one-out values, and one that is undefined spoils it
    if len(known) < len(values) or not np.isfinite(limits).all():
        limits = np.percentile(known, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return float(limits[0]), float(limits[1])


def _drawn(picks: np.ndarray, units: int) -> np.ndarray:
    """How often each row of `picks` (R, m) draws each unit: int64 (R, units)."""
    # each row counts in a stretch of its own, so that one bincount does all of them
    slot = np.arange(len(picks))[:, None] * units + picks.astype(np.int64)
    return np.bincount(slot.ravel(), minlength=len(picks) * units).reshape(len(picks), units)
