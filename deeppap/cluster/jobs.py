"""Jobs on a Dask cluster: each is done once; what fails is tried elsewhere, then given up and named.

Dask itself moves the jobs of a worker that died to others, and gives a job up after `allowed-failures` deaths
(dask.yaml). Its `retries=` is not used: it may try again on the same worker, such as one with a full disk.
"""

import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import own_partial
from deeppap.records.provenance import code_digest

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES = 3  # of a job that fails without killing its worker
HOPELESS = 5  # jobs given up while none is done, after which it is the workers' fault
LOOK = 1  # seconds between two looks at what runs too long
NO_WORKER = 120  # seconds to wait for a worker if there is none
GRACE = 10  # seconds that a worker is given to end by itself before its nanny kills it; the driver waits as long


@dataclass(eq=False)
class Job:
    """A function with its arguments; plain values, since they are sent to a worker."""

    name: str
    function: Callable
    values: tuple
    seconds: float | None = None  # after which it is given up and its worker is restarted
    failed_at: list[str] = field(default_factory=list)  # addresses of workers


class Outcome(NamedTuple):
    """What one try of a job gave: `value`, or `error` in one line; `worker` is its address."""

    worker: str
    value: Any = None
    error: str | None = None


@contextmanager
def shared_mark(folder: Path) -> Iterator[str]:
    """A file by which a worker knows that it sees the driver's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = own_partial(folder.absolute() / "driver")  # what drivers that were killed left is removed a week later
    mark.touch()
    try:
        yield str(mark)
    finally:
        mark.unlink(missing_ok=True)


def attempt(code: str, mark: str, function: Callable, *values: Any) -> Outcome:
    """Run `function(*values)` on a worker that has the driver's `code_digest` and sees its `shared_mark`."""
    import cv2
    from distributed import get_worker

    here = get_worker().address
    try:
        cv2.setNumThreads(1)  # the other workers have the other cores
        # scores of two versions in one folder could not be told apart
        if code_digest() != code:
            do = "Update it and restart the worker."
            raise UserError(ROOT, "the same code as the driver's", "another version", do)
        if not Path(mark).exists():
            do = "All nodes must see it under this path: put it on a shared disk."
            raise UserError(Path(mark).parent, "the folder that the driver writes into", "none, or another one", do)
        return Outcome(here, function(*values))
    except Exception as error:  # any error: another worker may succeed
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return Outcome(here, error=" ".join(text.split())[:500])


class Jobs:
    """Runs jobs on a cluster, as many at once as there are workers, so that each worker has one.

    `mark` is a `shared_mark`; `done` gets each job and what it gave; `begun` is whether earlier jobs of the same work
    succeeded, so that the workers are known to be able to do it.
    """

    def __init__(self, client: "Client", mark: str, done: Callable[[Job, Any], None], begun: bool = False):
        self.client, self.mark, self.done, self.able = client, mark, done, begun
        self.session, self.number, self.count = secrets.token_hex(4), 0, 0
        self.given_up: dict[str, str] = {}
        self.looked = 0.0  # when overdue jobs were last looked for
        self.suspects: list[Job] = []
        self.since: dict[tuple[str, str], float] = {}  # when a future was first seen at work, by its key and worker

    def run(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Run all; returns the reason by the name of each job that was given up.

        A job whose workers died may be the victim of another job there: it is tried once more, alone.

        UserError if there is no worker, none that can do the work, or no scheduler any more.
        """
        self.count = len(jobs)
        self._run(jobs, alone=False)
        self._run(self.suspects, alone=True)
        return self.given_up

    def _run(self, jobs: Sequence[Job], alone: bool) -> None:
        waiting: deque[Job] = deque(jobs)
        running: dict[Future, Job] = {}
        # one job a worker: which one runs too long, or took its worker down, is then known by name
        while waiting or running:
            workers = self._workers()
            while waiting and len(running) < (1 if alone else len(workers)):
                job = waiting.popleft()
                running[self._submit(job, workers)] = job
            self._give_up_overdue(running)
            for future in self._ended(running):
                job = running.pop(future)
                if self._try_again(job, future, alone):
                    waiting.appendleft(job)
                future.release()  # while a future is held, its job runs again if its worker dies

    def _workers(self) -> list[str]:
        """The workers' addresses; waits for one if there is none."""
        workers = self._ask(self.client.nthreads)
        if not workers:
            # a timeout is an OSError; what ended the wait is asked afterwards
            with contextlib.suppress(OSError, CancelledError):
                self.client.wait_for_workers(1, timeout=NO_WORKER)
            workers = self._ask(self.client.nthreads)
        if not workers:
            raise FieldError("cluster", "a worker", f"none within {NO_WORKER} s", "Start one: tools/dask.sh worker.")
        return list(workers)

    def _ask(self, question: Callable[[], Any]) -> Any:
        if self.client.status == "running":
            with contextlib.suppress(OSError, CancelledError):
                return question()
        do = "Start it and its workers, and run the same command again: what is finished is not done again."
        raise FieldError("cluster", "Dask's scheduler", "it has ended", do)

    def _submit(self, job: Job, workers: list[str]) -> "Future":
        where = {}
        if job.failed_at:
            # other machines first, then other workers; any other, too: one of these may have died meanwhile
            machines = {_machine(worker) for worker in job.failed_at}
            others = [worker for worker in workers if _machine(worker) not in machines]
            others = others or [worker for worker in workers if worker not in job.failed_at]
            where = {"workers": others or workers, "allow_other_workers": True}
        # a new key for each try: Dask hands out the old result, or the old failure, of a key that it knows
        self.number += 1
        key = f"{job.function.__name__}-{self.session}-{self.number}"
        given = (attempt, code_digest(), self.mark, job.function, *job.values)
        return self.client.submit(*given, key=key, pure=False, **where)

    def _ended(self, running: dict["Future", Job]) -> list["Future"]:
        """Waits until at least one has ended, successfully or not."""
        from distributed import wait

        patience = min([NO_WORKER, *(job.seconds / 4 for job in running.values() if job.seconds)])
        while running:
            with self.client.as_current(), contextlib.suppress(TimeoutError, CancelledError):
                wait(list(running), timeout=patience, return_when="FIRST_COMPLETED")
            # looked at even after a timeout: a future may have ended while the wait gave up
            if ended := [future for future in running if future.status != "pending"]:
                return ended
            self._workers()  # nothing in all that time: is there a worker at all?
            self._give_up_overdue(running)
        return []

    def _give_up_overdue(self, running: dict["Future", Job]) -> None:
        """Name the jobs that run without end, and restart their workers: no other way ends a library's own code."""
        now = time.monotonic()
        if now < self.looked + LOOK or not any(job.seconds for job in running.values()):
            return
        self.looked = now
        at_work = {key: worker for worker, keys in self._ask(self.client.processing).items() for key in keys}
        for future, job in list(running.items()):
            worker = at_work.get(future.key)
            since = self.since.setdefault((future.key, worker), now) if worker else now
            if job.seconds and now - since > job.seconds:
                del running[future]
                self.given_up[job.name] = f"not done after {job.seconds:,.0f} s, given up (worker {worker})"
                future.cancel()
                # without a nanny nobody can restart it; it stays at work on that job
                with contextlib.suppress(Exception):
                    self.client.restart_workers([worker], timeout=GRACE, raise_for_error=False)

    def _try_again(self, job: Job, future: "Future", alone: bool) -> bool:
        """Take what a job gave; whether it is to be tried again."""
        from distributed.scheduler import KilledWorker

        outcome: Outcome | None = None
        if future.status == "finished":
            # a result that was lost with its worker is computed again, and the workers may die of that
            with contextlib.suppress(KilledWorker):
                outcome = self._ask(future.result)
        if outcome is not None:
            if outcome.error is None:
                self.able = True
                self.done(job, outcome.value)
                return False
            job.failed_at.append(outcome.worker)
            reason = f"{outcome.error} (worker {outcome.worker})"
        else:
            self._ask(self.client.nthreads)  # every future ends so if the scheduler does
            error = future.exception() if future.status == "error" else None
            if isinstance(error, KilledWorker):
                if not alone:
                    self.suspects.append(job)
                    return False
                deaths = error.allowed_failures + 1
                reason = f"{deaths} workers died with it among other jobs, and {deaths} with it alone"
                self.given_up[job.name] = reason
                return False
            # cancelled or lost on its way, or the worker cannot read it
            job.failed_at.append("")
            reason = f"{type(error).__name__}: {error}"[:300]
        if len(job.failed_at) < TRIES:
            return True
        self.given_up[job.name] = f"{TRIES} tries failed: {reason}"
        # five failures and no success: the cluster is at fault, and thousands of tiles would fail one by one
        if not self.able and len(self.given_up) >= min(self.count, HOPELESS):
            do = "See docs/how-to/slides-on-a-cluster.md."
            raise FieldError("cluster", "a worker that can do the work", reason, do)
        return False


def _machine(worker: str) -> str:
    """The part of a worker's address that its machine's other workers share."""
    return worker.rsplit(":", 1)[0]
