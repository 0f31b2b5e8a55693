"""The folds of a study on a cluster: each by the same function as on one machine, in the same shared run folder."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.cluster.run_jobs import Job, Jobs, shared_mark
from common.errors import UserError
from common.options import Request
from engines.device import resolve
from studies.cross_validate import CrossValidateOptions, one_fold

if TYPE_CHECKING:
    from distributed import Client


def fold_on_worker(where: str, request: Request, fold: int, options: CrossValidateOptions) -> list[str]:
    """One fold, on a worker, in the driver's folder; returns what it said."""
    said: list[str] = []
    before = Path.cwd()
    os.chdir(where)  # a worker has one thread; a run lies in runs/ of the driver's folder
    try:
        resolve(options.device.gpu or "none", options.device.tf32)
        one_fold(request, fold, options, said.append)
    finally:
        os.chdir(before)
    return said


def folds_on(client: "Client", say: Callable[[str], None] = print) -> Callable:
    """What `cross_validate` does its folds by, on a cluster.

    Raises
    ------
    UserError
        Naming the folds that were given up, once all others are done.
    """

    def run_folds(run: Path, request: Request, options: CrossValidateOptions, folds: Sequence[int]) -> None:
        where = str(Path.cwd())
        jobs = [Job(f"fold {fold}", fold_on_worker, (where, request, fold, options)) for fold in folds]
        with shared_mark(run) as mark:
            given_up = Jobs(client, mark, lambda job, said: say("\n".join(said))).run(jobs)
        if given_up:
            found = "; ".join(f"{name}: {why}" for name, why in given_up.items())
            raise UserError(run, "all folds done", found, "The same command again does what is missing.")

    return run_folds
