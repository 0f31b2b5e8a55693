"""How a net's figures grow with the cells it learned from: mean over seeds, and how sure that is."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from deeppap.stats.intervals import TOO_FEW, Groups, Interval, bootstrap_interval, too_few, units_of, weighted
from deeppap.stats.metrics import binary_metrics

METRICS = ("sens", "spec", "auc")


class CurvePoint(NamedTuple):
    """One net and its scores on the one test fold, whose cells have one order for all points."""

    seed: int
    share: int  # of the groups, in percent
    start: str  # what it was trained from
    cells: int  # that it learned from
    abnormal: int  # of these
    labels: np.ndarray
    scores: np.ndarray
    groups: Groups

    def metrics(self) -> dict[str, float | None]:
        """Those of METRICS."""
        found = binary_metrics(self.labels, self.scores)
        return {metric: found[metric] for metric in METRICS}


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
    limits: dict[str, Interval]
    each: dict[str, list[float | None]]


class Gain(NamedTuple):
    """By how much the AUC of one start is above the other's at one share, seeds averaged, and its paired interval."""

    share: int
    value: float
    limits: Interval


def levels(points: Sequence[CurvePoint]) -> list[Level]:
    """One level for each start and share, in order."""
    found = []
    for start, share in sorted({(point.start, point.share) for point in points}):
        # sorted by seed, so that `each` lines up between the starts
        nets = sorted((p for p in points if (p.start, p.share) == (start, share)), key=lambda point: point.seed)
        metrics = [net.metrics() for net in nets]
        each = {metric: [values[metric] for values in metrics] for metric in METRICS}
        found.append(
            Level(
                start=start,
                share=share,
                sizes=[net.cells for net in nets],
                cells=float(np.mean([net.cells for net in nets])),
                abnormal=float(np.mean([net.abnormal for net in nets])),
                values={metric: _mean(values) for metric, values in each.items()},
                # all nets have tested the same cells, so the groups are the first one's
                limits={metric: _limits(nets[0], metric, _mean_over(nets, metric)) for metric in METRICS},
                each=each,
            )
        )
    return found


def gains(points: Sequence[CurvePoint], start: str, other: str) -> list[Gain]:
    """The gain in AUC of `start` over `other` at each share where the same seeds have both."""
    found = []
    for share in sorted({point.share for point in points}):
        new, old = ({p.seed: p for p in points if (p.start, p.share) == (side, share)} for side in (start, other))
        # a seed that only one start has would compare parts of other sizes
        seeds = sorted(new.keys() & old.keys())
        if not seeds:
            continue
        before, after = [old[seed] for seed in seeds], [new[seed] for seed in seeds]
        values = [_mean([net.metrics()["auc"] for net in nets]) for nets in (before, after)]
        if None in values:
            continue
        figures = _mean_over(before, "auc"), _mean_over(after, "auc")
        limits = _limits(before[0], "auc", lambda w, figures=figures: figures[1](w) - figures[0](w))
        found.append(Gain(share, values[1] - values[0], limits))
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def _mean_over(nets: Sequence[CurvePoint], metric: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function from weights of the test cells (R, n) to a metric, mean over nets: (R,)."""

    def mean(weights: np.ndarray) -> np.ndarray:
        return np.mean([weighted(net.labels, net.scores, weights, metric) for net in nets], axis=0)

    return mean


def _limits(net: CurvePoint, metric: str, figure: Callable[[np.ndarray], np.ndarray]) -> Interval:
    unit = units_of(net.groups, len(net.labels))
    if too_few(np.asarray(net.labels), unit, metric):
        return TOO_FEW
    return bootstrap_interval(lambda draws: figure(draws[:, unit]), unit)
