"""Something that is measured in a process of its own, so that libraries do not share threads."""

import os
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.alternate import Task, timed
from benchmarks.work import Work

Run = Callable[[int], np.ndarray]  # does its work once on so many images
Make = Callable[[Path, Path, int], Run]  # from a deploy prototxt, a model and a number of threads


def _serve(pipe, make: Make, deploy: Path, model: Path, threads: int) -> None:
    os.environ.update(OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="PASSIVE")  # before any library is loaded
    run = make(deploy, model, threads)
    while batch := pipe.recv():
        pipe.send(run(batch))


class OwnProcess:
    """Runs what `make` makes whenever it is told to."""

    def __init__(self, work: Work, make: Make, threads: int):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, make, work.deploy, work.model, threads)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def __call__(self, batch: int) -> np.ndarray:
        """What one run on `batch` images gives."""
        self.pipe.send(batch)
        return self.pipe.recv()

    def close(self) -> None:
        """End the process."""
        self.pipe.send(0)
        self.process.join()


def side_by_side(processes: Sequence[OwnProcess], batch: int) -> Task:
    """A task that runs all of them at once, each on `batch` images; seconds for one of them's worth of work."""

    def all_at_once() -> None:
        for one in processes:
            one.pipe.send(batch)
        for one in processes:
            one.pipe.recv()

    task = timed(all_at_once)
    return lambda: task() / len(processes)
