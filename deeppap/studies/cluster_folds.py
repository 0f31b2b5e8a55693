"""The folds of a study on a cluster: each by the same function as on one machine, in the same shared run folder."""

from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.prepare import prepare_run
from data_prep.profiles import run_profile
from deeppap.cluster.jobs import Job, Jobs, shared_mark
from deeppap.engines.device import adopt
from deeppap.io.errors import UserError
from deeppap.io.machine import wanted_threads
from deeppap.records import Request
from deeppap.records.run_folder import fold_folder, locked
from deeppap.studies.cross_validate import CrossValidateOptions, one_fold
from deeppap.studies.estimate import Prepared

if TYPE_CHECKING:
    from distributed import Client


def fold_on_worker(where: str, request: Request, fold: int, options: CrossValidateOptions) -> list[str]:
    """One fold, on a worker, in the driver's folder `where`; returns what it said."""
    said: list[str] = []
    with chdir(where):  # a worker does one job at a time; a run lies in runs/ of the driver's folder
        own = {"device": adopt(options.device), "workers": min(options.workers, wanted_threads())}
        home, dataset, split, run = prepare_run(request, options.name, suffix=options.suffix)
        folder, ready = fold_folder(home, fold), Prepared(dataset, split, run, run_profile(run))
        with locked(folder, wait=True):
            pass  # the Caffe of a worker that died holds it until it has written its snapshot
        one_fold(folder, ready, fold, replace(options, **own), said.append)
    return said


def folds_on(client: "Client", say: Callable[[str], None] = print) -> Callable:
    """What `cross_validate` does its folds by, on a cluster.

    UserError naming the folds that were given up, once all others are done.
    """

    def run_folds(run: Path, request: Request, options: CrossValidateOptions, folds: Sequence[int]) -> None:
        def done(job: Job, said: list[str]) -> None:
            say("\n".join([f"-- {job.name}", *said]))

        where = str(Path.cwd())
        # a worker prepares the run itself: data sets are not sent through the scheduler
        jobs = [Job(f"fold {fold}", fold_on_worker, (where, request, fold, options)) for fold in folds]
        with shared_mark(run) as mark:
            given_up = Jobs(client, mark, done).run(jobs)
        if given_up:
            found = "; ".join(f"{name}: {why}" for name, why in given_up.items())
            raise UserError(run, "all folds done", found, "The same command again does what is missing.")

    return run_folds
