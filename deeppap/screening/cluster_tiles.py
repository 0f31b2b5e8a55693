"""Tiles on a cluster: the same function as on one machine, its parts in the same shared folder."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deeppap.cluster.jobs import Job, Jobs, shared_mark
from deeppap.engines.device import adopt
from deeppap.screening.plan import ImagePlan
from deeppap.screening.results import Failed
from deeppap.screening.screen_tile import screen_tile
from deeppap.screening.slides.slide import Box

if TYPE_CHECKING:
    from distributed import Client

SEEN_WITHIN = 60  # seconds that a network disk may take to show another node's file


def tile_on_worker(plan: ImagePlan, tile: Box) -> int:
    """One tile, on a worker; engine, detector and slide are opened once a process and kept there."""
    # sets the environment too, which Caffe reads when it is imported
    settings = replace(plan.settings, device=adopt(plan.settings.device))
    return screen_tile(replace(plan, settings=settings), tile)


def run_on(client: "Client") -> Callable:
    """The `run` of `screen_images` that runs the missing tiles on a cluster."""

    def run(pairs: Sequence[tuple[ImagePlan, Box]], done: Callable[[int], None]) -> Failed:
        if not pairs:
            return {}
        absolute = {plan: _absolute(plan) for plan, _ in pairs}
        names = {plan.part(tile).name: (plan, tile) for plan, tile in pairs}
        jobs = [
            Job(name, tile_on_worker, (absolute[plan], tile), plan.settings.seconds)
            for name, (plan, tile) in names.items()
        ]
        parts = Path(pairs[0][0].parts)
        with shared_mark(parts.parent) as mark:
            begun = any(parts.glob("*_x*_y*.parquet"))
            given_up = Jobs(client, mark, lambda _, cells: done(cells), begun).run(jobs)
        failed = {names[name]: reason for name, reason in given_up.items()}
        unseen = _unseen([pair for pair in pairs if pair not in failed])
        return failed | dict.fromkeys(unseen, "its worker wrote it where the driver does not see it")

    return run


def _absolute(plan: ImagePlan) -> ImagePlan:
    """The same plan with absolute paths, since a worker runs in a folder of its own; its key stays."""
    folds = tuple(map(_path, plan.settings.folds))
    settings = replace(plan.settings, folds=folds, detector=_path(plan.settings.detector))
    paths = {name: _path(getattr(plan, name)) for name in ("image", "parts", "nuclei")}
    return replace(plan, settings=settings, **paths)


def _path(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


def _unseen(pairs: Sequence[tuple[ImagePlan, Box]]) -> list[tuple[ImagePlan, Box]]:
    """Tiles whose parts do not appear in the driver's folder."""
    until = time.monotonic() + SEEN_WITHIN
    while True:
        for folder in {plan.parts for plan, _ in pairs}:
            if Path(folder).is_dir():
                os.listdir(folder)  # noqa: PTH208 (makes a network disk look again)
        pairs = [(plan, tile) for plan, tile in pairs if not plan.part(tile).exists()]
        if not pairs or time.monotonic() > until:
            return list(pairs)
        time.sleep(1)
