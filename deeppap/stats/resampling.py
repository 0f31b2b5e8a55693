"""Resampling of whole groups by SciPy's bootstrap, for any figure that follows from sums over cells."""

import warnings
from collections.abc import Callable, Hashable, Sequence

import numpy as np
from scipy.stats import binomtest, bootstrap

RESAMPLES = 2000
CHUNK = 250  # resamples at a time; bounds the memory
MOST_BCA = 2000  # units; BCa leaves out each one in turn, above it percentiles are as good
LEVEL = 0.95

Limits = tuple[float, float]
Groups = Sequence[Hashable] | None


def wilson(k: int, n: int) -> Limits:
    """Wilson's 95 % interval of a share of k in n, as fractions."""
    if n <= 0 or not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    low, high = binomtest(k, n).proportion_ci(LEVEL, method="wilson")
    return float(low), float(high)


def units_of(groups: Groups, cells: int) -> np.ndarray:
    """The number of each cell's group, int64 (cells,); where there are no groups each cell is one of its own."""
    return np.arange(cells) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]


def resampled(
    figure: Callable[[np.ndarray], np.ndarray], unit: np.ndarray, seed: int = 0, n: int = RESAMPLES
) -> Limits | None:
    """SciPy's 95 % bootstrap interval of a figure, whole units drawn with replacement.

    `figure` takes how often each unit was drawn, int64 (R, units), and gives its values (R,), NaN where undefined.
    BCa; percentiles where it does not hold: a figure undefined in some resamplings, or many units. None where it is
    undefined in all, or there is one unit alone, or no resampling can vary it: that says nothing of how sure it is.
    """
    units = int(unit.max()) + 1 if len(unit) else 0
    if units < 2:
        return None

    def statistic(picks: np.ndarray, axis: int = -1) -> np.ndarray:
        rows = picks.reshape(-1, picks.shape[axis])
        parts = (rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK))
        return np.concatenate([figure(_drawn(part, units)) for part in parts]).reshape(picks.shape[:-1])

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of a degenerate distribution, told by NaN
        found = bootstrap(
            (np.arange(units),),
            statistic,
            n_resamples=n,
            batch=CHUNK,
            confidence_level=LEVEL,
            method="BCa" if units <= MOST_BCA else "percentile",
            rng=np.random.default_rng(seed),
        )
    return _limits(found.confidence_interval, found.bootstrap_distribution)


def sums_by_unit(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Values of cells (n,) or (n, k) added up by unit: float64 (units,) or (units, k)."""
    total = np.zeros((int(unit.max()) + 1, *values.shape[1:]))
    np.add.at(total, unit, values)
    return total


def mean_interval(values: Sequence[float], groups: Groups, seed: int = 0) -> Limits | None:
    """The 95 % interval of a mean over cells: groups resampled whole, or cells where there are none."""
    value = np.asarray(values, np.float64)
    unit = units_of(groups, len(value))
    table = sums_by_unit(np.column_stack([value, np.ones(len(value))]), unit)

    def mean(draws: np.ndarray) -> np.ndarray:
        total, cells = (draws @ table).T
        return total / cells

    return resampled(mean, unit, seed)


def share_interval(hits: Sequence[bool], groups: Groups, seed: int = 0) -> Limits | None:
    """The 95 % interval of a share of cells; None without a cell.

    Without groups Wilson's, which takes cells as independent. Where no resampling can vary, since every cell is a hit
    or none is, Wilson's with the groups as the units.
    """
    hit = np.asarray(hits, bool)
    if not len(hit):
        return None
    if groups is None:
        return wilson(int(hit.sum()), len(hit))
    if hit.all() or not hit.any():
        units = int(units_of(groups, len(hit)).max()) + 1
        return wilson(units if hit.all() else 0, units)
    return mean_interval(hit, groups, seed)


def _limits(limits: Sequence[float], values: np.ndarray) -> Limits | None:
    """SciPy's limits where they are numbers, else percentiles of the resamplings that are."""
    known = values[~np.isnan(values)]
    if not known.size or np.ptp(known) < 1e-12:  # rounding
        return None
    if len(known) < len(values) or not np.isfinite(limits).all():
        limits = np.percentile(known, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return float(limits[0]), float(limits[1])


def _drawn(picks: np.ndarray, units: int) -> np.ndarray:
    """How often each row of `picks` (R, m) draws each unit: int64 (R, units)."""
    slot = np.arange(len(picks))[:, None] * units + picks.astype(np.int64)
    return np.bincount(slot.ravel(), minlength=len(picks) * units).reshape(len(picks), units)
