"""Tiles on a cluster: the same function as on one machine, its parts in the same shared folder."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from deeppap.cluster.job import Job, shared_mark
from deeppap.cluster.run_jobs import Jobs
from deeppap.engines.device import Device, adopt
from deeppap.screening.plan import Plan
from deeppap.screening.screen_tile import Receipt, screen_tile
from deeppap.screening.slides.slide import Box
from deeppap.screening.write_results import Undone

if TYPE_CHECKING:
    from distributed import Client

SEEN_WITHIN = 60  # seconds that a network disk may take to show another node's file


def tile_on_worker(plan: Plan, tile: Box) -> Receipt:
    """One tile, on a worker; engine, detector and slide are opened once a process and kept there."""
    settings = replace(plan.settings, device=_device(plan.settings.device))
    return screen_tile(replace(plan, settings=settings), tile)


@lru_cache(maxsize=1)
def _device(device: Device) -> Device:
    return adopt(device)  # sets the environment, which Caffe reads when it is imported


def run_on(client: "Client") -> Callable:
    """What `screen_images` runs its missing tiles with, on a cluster."""

    def run(pairs: Sequence[tuple[Plan, Box]], done: Callable[[Receipt], None]) -> Undone:
        if not pairs:
            return {}
        whole = {plan: _everywhere(plan) for plan, _ in pairs}
        sent = [Job(_name(plan, tile), tile_on_worker, (whole[plan], tile)) for plan, tile in pairs]
        parts = Path(pairs[0][0].parts)
        with shared_mark(parts.parent) as mark:
            begun = any(parts.glob("*.parquet"))
            given_up = Jobs(client, mark, lambda _, receipt: done(receipt), begun).run(sent)
        named = {_name(plan, tile): (plan, tile) for plan, tile in pairs}
        failed = {named[name]: why for name, why in given_up.items()}
        unseen = _unseen([pair for pair in pairs if pair not in failed])
        return failed | dict.fromkeys(unseen, "its worker wrote it where the driver does not see it")

    return run


def _name(plan: Plan, tile: Box) -> str:
    return plan.part(tile).name


def _everywhere(plan: Plan) -> Plan:
    """The same plan with whole paths, since a worker runs in a folder of its own; its key stays."""
    folds = tuple(map(_whole, plan.settings.folds))
    settings = replace(plan.settings, folds=folds, weights=_whole(plan.settings.weights))
    paths = {name: _whole(getattr(plan, name)) for name in ("image", "parts", "nuclei")}
    return replace(plan, settings=settings, **paths)


def _whole(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _unseen(pairs: Sequence[tuple[Plan, Box]]) -> list[tuple[Plan, Box]]:
    """Tiles whose parts do not appear in the driver's folder."""
    until = time.monotonic() + SEEN_WITHIN
    while True:
        for folder in {plan.parts for plan, _ in pairs}:
            os.listdir(folder) if Path(folder).is_dir() else None  # noqa: PTH208 (asks a network disk anew)
        pairs = [(plan, tile) for plan, tile in pairs if not plan.part(tile).exists()]
        if not pairs or time.monotonic() > until:
            return list(pairs)
        time.sleep(1)
