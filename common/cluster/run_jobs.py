"""The driver's side: jobs handed out one a worker, receipts taken, failures tried again elsewhere, then named."""

import os
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.cluster.attempt import Outcome, attempt, code_digest
from common.errors import UserError

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES = 3  # of a job that fails without killing its worker, each on another worker where there is one
STRIKES = 3  # failures in a row after which a worker gets no more jobs
FIRST_WORKER = 120  # seconds to wait for a worker where none is there


@dataclass(eq=False)
class Job:
    """A function with what it is called with; plain values, since they are sent."""

    name: str
    function: Callable
    values: tuple
    failed_at: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Jobs:
    """Jobs on their way through a cluster. As many are handed out as there are workers, so that each has one."""

    def __init__(self, client: "Client", shared: str, done: Callable[[Job, Any], None]):
        self.client, self.shared, self.done = client, shared, done
        self.session, self.number = secrets.token_hex(4), 0
        self.strikes: Counter[str] = Counter()
        self.last_error = ""
        self.suspects: list[Job] = []
        self.given_up: dict[str, str] = {}

    def run(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Run all; returns why by the name of each job that was given up.

        A job that was running while its workers died may be another's victim: it is tried once more, alone.
        """
        self._run(deque(jobs), alone=False)
        suspects, self.suspects = self.suspects, []
        self._run(deque(suspects), alone=True)
        return self.given_up

    def _run(self, waiting: deque[Job], alone: bool) -> None:
        from distributed import as_completed

        under_way: dict[Future, Job] = {}
        completed = as_completed(loop=self.client.loop)
        while waiting or under_way:
            while waiting and len(under_way) < (1 if alone else self._room()):
                job = waiting.popleft()
                future = self._submit(job)
                under_way[future] = job
                completed.add(future)
            future = next(completed)
            job = under_way.pop(future)
            if self._settle(job, future, alone):
                waiting.append(job)
            future.release()  # a future that is held makes its job run again where its worker dies

    def _workers(self) -> list[str]:
        """Those that have not failed too often in a row."""
        return [worker for worker in self.client.nthreads() if self.strikes[worker] < STRIKES]

    def _room(self) -> int:
        return max(1, len(self._workers()))

    def _submit(self, job: Job) -> "Future":
        if not self.client.nthreads():
            self._wait_for_worker()
        usable = self._workers()
        if self.client.nthreads() and not usable:
            raise self._nobody()
        fresh = [worker for worker in usable if worker not in job.failed_at]
        struck = any(count >= STRIKES for count in self.strikes.values())
        self.number += 1
        return self.client.submit(
            attempt,
            code_digest(),
            self.shared,
            job.function,
            *job.values,
            key=f"{job.function.__name__}-{self.session}-{self.number}",
            pure=False,
            workers=(fresh or usable) if struck or job.failed_at else None,
            allow_other_workers=False,
        )

    def _nobody(self) -> UserError:
        do = "See docs/cluster.md."
        return UserError("--cluster", "a worker that can do the work", self.last_error, do)

    def _wait_for_worker(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=FIRST_WORKER)
        except TimeoutError:
            found = f"none within {FIRST_WORKER} s"
            raise UserError("--cluster", "a worker", found, "Start one: tools/dask.sh worker.") from None

    def _settle(self, job: Job, future: "Future", alone: bool) -> bool:
        """Take what a job gave; whether it is to be tried again."""
        if future.status != "finished":
            error = future.exception() if future.status == "error" else None
            return self._broken(job, error, alone)
        outcome: Outcome = future.result()
        worker = outcome.worker.split(" ")[0]
        if outcome.error is None:
            self.strikes[worker] = 0
            self.done(job, outcome.value)
            return False
        self.strikes[worker] += 1
        job.failed_at.append(worker)
        self.last_error = f"{outcome.error} (worker {outcome.worker})"
        job.errors.append(self.last_error)
        if len(job.failed_at) < TRIES:
            return True
        if not self._workers():  # not this job: nobody can work here
            raise self._nobody()
        self.given_up[job.name] = f"{TRIES} tries failed: {job.errors[-1]}"
        return False

    def _broken(self, job: Job, error: BaseException | None, alone: bool) -> bool:
        from distributed.scheduler import KilledWorker

        if not isinstance(error, KilledWorker):  # cancelled or lost on its way: no fault of the job's
            job.errors.append(f"{type(error).__name__}: {error}"[:300])
            if len(job.errors) < TRIES:
                return True
            self.given_up[job.name] = f"{TRIES} tries failed: {job.errors[-1]}"
            return False
        deaths = error.allowed_failures + 1
        if not alone:
            self.suspects.append(job)
        else:
            self.given_up[job.name] = f"{deaths} workers died with it among other jobs, and {deaths} with it alone"
        return False


@contextmanager
def shared_mark(folder: Path) -> Iterator[str]:
    """A file by which a worker knows that it sees the driver's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder.absolute() / f".driver-{os.getpid()}-{secrets.token_hex(4)}"
    mark.touch()
    try:
        yield str(mark)
    finally:
        mark.unlink(missing_ok=True)
