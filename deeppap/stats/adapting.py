"""What adapting a net has bought: the net as it was, another start and the adapted net on the very same cells."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from deeppap.scoring.results import RunResult
from deeppap.stats.compare import gain
from deeppap.stats.intervals import Limits, interval
from deeppap.stats.metrics import METRICS, binary_metrics

BEFORE, ADAPTED, OTHER = "before", "adapted", "other"


class Net(NamedTuple):
    """One run's net on the cells in common: its figures and their intervals, by metric."""

    label: str
    kind: str
    values: dict[str, float | None]
    limits: dict[str, Limits | None]


class Adapting(NamedTuple):
    """One adapted run beside the others: `nets` has it last, `gains` by how much it is better than each of them."""

    cells: int
    groups: int | None
    nets: list[Net]
    gains: dict[str, dict[str, tuple[float, Limits | None] | None]]


def is_adapted(run: RunResult) -> bool:
    """Whether every scored fold of a run is an adapted net."""
    return bool(run.folds) and all(fold.source for fold in run.folds)


def adapting(runs: Sequence[tuple[str, RunResult]]) -> list[Adapting]:
    """Each adapted run among (label, run) with all others that have scored cells of its; none where it is alone."""
    found = []
    for label, run in runs:
        if is_adapted(run):
            others = [(name, other) for name, other in runs if other is not run and _share_cells(other, run)]
            found += [] if not others else [_beside(label, run, others)]
    return [one for one in found if one is not None]


def _share_cells(first: RunResult, second: RunResult) -> bool:
    """Whether two runs of one data set have scored any same cell."""
    same = first.record.dataset.dataset_sha == second.record.dataset.dataset_sha
    return same and not set(first.ids).isdisjoint(second.ids)


def _beside(label: str, run: RunResult, others: Sequence[tuple[str, RunResult]]) -> Adapting | None:
    members = [*others, (label, run)]
    tables = [dict(zip(one.ids, one.pooled("scores"), strict=True)) for _, one in members]
    ids = sorted(set.intersection(*map(set, tables)))
    if not ids:
        return None
    names = [run.cells[cell].group for cell in ids]
    groups = None if None in names else names
    labels = np.array([run.cells[cell].label for cell in ids])
    scores = [np.array([table[cell] for cell in ids]) for table in tables]
    kinds = [_kind(one, run) for _, one in members]
    nets = [_net(name, kind, labels, own, groups) for (name, _), kind, own in zip(members, kinds, scores, strict=True)]
    gains = {
        net.label: {metric: gain(labels, own, scores[-1], metric, groups) for metric in METRICS}
        for net, own in zip(nets[:-1], scores[:-1], strict=True)
    }
    return Adapting(len(ids), groups and len(set(groups)), nets, gains)


def _kind(run: RunResult, adapted: RunResult) -> str:
    """What a run is to the adapted one: the same, its source as it was, or another."""
    if is_adapted(run):
        return ADAPTED
    sources = {fold.source.weights_sha for fold in adapted.folds}
    nets = set(run.record.net_shas)
    return BEFORE if nets and nets == sources else OTHER


def _net(label: str, kind: str, labels: np.ndarray, scores: np.ndarray, groups: Sequence[Hashable] | None) -> Net:
    limits = {metric: interval(labels, scores, metric, groups) for metric in METRICS}
    return Net(label, kind, binary_metrics(labels, scores), limits)
