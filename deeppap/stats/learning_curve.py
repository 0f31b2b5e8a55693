"""How a net's figures grow with the cells it learned from: mean over seeds, and how sure that is."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from deeppap.scoring.results import RunResult
from deeppap.stats.intervals import weighted
from deeppap.stats.metrics import THRESHOLD, binary_metrics
from deeppap.stats.resampling import Limits, resampled, units_of

METRICS = ("sens", "spec", "auc")
POINT = re.compile(r"seed(\d+)-(\d+)-([a-z]+)")  # a point's folder: seed, share, start


class CurvePoint(NamedTuple):
    """One net: its seed, the share of the groups it learned from in percent, how it began, and its run."""

    seed: int
    share: int
    start: str
    run: RunResult


class Level(NamedTuple):
    """The nets of one start and share: `cells` and `abnormal` they learned from, mean over seeds; values by metric.

    `limits` resample the test cells' groups, for all seeds alike; `sizes` and `each` have one entry a seed.
    """

    start: str
    share: int
    sizes: list[int]
    cells: float
    abnormal: float
    values: dict[str, float | None]
    limits: dict[str, Limits | None]
    each: dict[str, list[float | None]]


class Gain(NamedTuple):
    """By how much the AUC of one start is above the other's at one share, seeds averaged, and its paired interval."""

    share: int
    value: float
    limits: Limits | None


def learned_from(run: RunResult) -> tuple[int, int]:
    """Cells, and abnormal ones among them, that a point's net was trained on."""
    (fold,) = run.folds
    out = set(fold.ids) | set(run.split.left_out or ())
    labels = [cell.label for cell in run.cells.values() if cell.id not in out]
    return len(labels), sum(labels)


def levels(points: Sequence[CurvePoint]) -> list[Level]:
    """One level for each start and share, in order."""
    keys = sorted({(point.start, point.share) for point in points})
    return [_level(key, [p for p in points if (p.start, p.share) == key]) for key in keys]


def gains(points: Sequence[CurvePoint], start: str, other: str) -> list[Gain]:
    """The gain in AUC of `start` over `other` at each share where the same seeds have both."""
    found = []
    for share in sorted({point.share for point in points}):
        sides = [{p.seed: p.run for p in points if (p.start, p.share) == (s, share)} for s in (other, start)]
        seeds = sorted(sides[0].keys() & sides[1].keys())
        if not seeds:
            continue
        old, new = ([side[seed] for seed in seeds] for side in sides)
        values = [_mean([_metrics(run)["auc"] for run in runs]) for runs in (old, new)]
        if None not in values:
            limits = _limits(lambda w, old=old, new=new: _over(new, w, "auc") - _over(old, w, "auc"), old[0])
            found.append(Gain(share, values[1] - values[0], limits))
    return found


def _level(key: tuple[str, int], points: Sequence[CurvePoint]) -> Level:
    runs = [point.run for point in sorted(points, key=lambda point: point.seed)]
    counts = np.array([learned_from(run) for run in runs])
    cells, abnormal = counts.mean(axis=0).tolist()
    each = {metric: [_metrics(run)[metric] for run in runs] for metric in METRICS}
    limits = {metric: _limits(lambda w, metric=metric: _over(runs, w, metric), runs[0]) for metric in METRICS}
    means = {metric: _mean(values) for metric, values in each.items()}
    return Level(*key, counts[:, 0].tolist(), cells, abnormal, means, limits, each)


def _metrics(run: RunResult) -> dict[str, float | None]:
    return binary_metrics(run.pooled("labels"), run.pooled("scores"))


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def _over(runs: Sequence[RunResult], weights: np.ndarray, metric: str) -> np.ndarray:
    """A metric of resampled test cells, mean over runs: float64 (R,). All runs tested the same cells in one order."""
    tests = [(run.pooled("labels"), run.pooled("scores")) for run in runs]
    return np.mean([weighted(labels, scores, weights, THRESHOLD)[metric] for labels, scores in tests], axis=0)


def _limits(of_weights: Callable[[np.ndarray], np.ndarray], run: RunResult) -> Limits | None:
    unit = units_of(run.groups(), len(run.ids))
    return resampled(lambda draws: of_weights(draws[:, unit]), unit)
