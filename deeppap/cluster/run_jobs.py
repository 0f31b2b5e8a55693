"""The driver's side: jobs handed out one a worker, receipts taken, failures tried again elsewhere, then named."""

import contextlib
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from deeppap.cluster.attempt import Outcome, attempt
from deeppap.cluster.job import Job
from deeppap.io.errors import UserError
from deeppap.records.code_digest import code_digest

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES = 3  # of a job that fails without killing its worker, each on another worker where there is one
STRIKES = 3  # jobs that fail at a worker one after another, after which it gets no more while there are others
HOPELESS = 10  # jobs that fail one after another at workers that have all struck out: then nobody can do the work
NO_WORKER = 120  # seconds without any worker after which there is none to wait for


class Jobs:
    """Jobs on their way through a cluster. As many are handed out as there are workers, so that each has one.

    `begun`: others of the same work are done already, so that a job that fails says nothing of all workers.
    """

    def __init__(self, client: "Client", shared: str, done: Callable[[Job, Any], None], begun: bool = False):
        self.client, self.shared, self.done = client, shared, done
        self.session, self.number, self.finished = secrets.token_hex(4), 0, int(begun)
        self.strikes: defaultdict[str, set[str]] = defaultdict(set)
        self.last_error = ""
        self.suspects: list[Job] = []
        self.given_up: dict[str, str] = {}
        self.waiting: deque[Job] = deque()
        self.under_way: dict[Future, Job] = {}

    def run(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Run all; returns why by the name of each job that was given up.

        A job that was running while its workers died may be another's victim: it is tried once more, alone.

        Raises
        ------
        UserError
            Where there is no worker, none that can do the work, or no scheduler any more.
        """
        self._run(jobs, alone=False)
        suspects, self.suspects = self.suspects, []
        self._run(suspects, alone=True)
        return self.given_up

    def _run(self, jobs: Sequence[Job], alone: bool) -> None:
        self.waiting, self.under_way = deque(jobs), {}
        while self.waiting or self.under_way:
            workers = self._workers()
            room = 1 if alone else max(1, len(workers))
            while self.waiting and len(self.under_way) < room:
                job = self.waiting.popleft()
                self.under_way[self._submit(job, workers)] = job
            for future in self._ended(self.under_way):
                job = self.under_way.pop(future)
                if self._settle(job, future, alone):
                    self.waiting.append(job)
                future.release()  # a future that is held makes its job run again where its worker dies

    def _workers(self) -> list[str]:
        """Those that get jobs; waits for one where there is none at all."""
        there = self._ask(self.client.nthreads)
        if not there:
            try:
                self._ask(lambda: self.client.wait_for_workers(1, timeout=NO_WORKER))
            except TimeoutError:
                found = f"none within {NO_WORKER} s"
                raise UserError("--cluster", "a worker", found, "Start one: tools/dask.sh worker.") from None
            there = self._ask(self.client.nthreads)
        good = [worker for worker in there if not self._out(worker)]
        if not good and len(set().union(*(self.strikes[worker] for worker in there))) >= HOPELESS:
            raise self._nobody()
        return good or list(there)

    def _out(self, worker: str) -> bool:
        return len(self.strikes[worker]) >= STRIKES

    def _nobody(self) -> UserError:
        return UserError("--cluster", "a worker that can do the work", self.last_error, "See docs/cluster.md.")

    def _ask(self, question: Callable[[], Any]) -> Any:
        if self.client.status == "running":
            with contextlib.suppress(OSError, CancelledError):
                return question()
        do = "Start it and its workers, and run the same command again: what is finished is not done again."
        raise UserError("--cluster", "Dask's scheduler", "it has ended", do)

    def _submit(self, job: Job, workers: list[str]) -> "Future":
        fresh = [worker for worker in workers if worker not in job.failed_at] or workers
        choose = job.failed_at or any(map(self._out, self.strikes))
        # others too: else it would wait for ever for one that has died meanwhile
        where = {"workers": fresh, "allow_other_workers": True} if choose else {}
        self.number += 1
        key = f"{job.function.__name__}-{self.session}-{self.number}"
        given = (attempt, code_digest(), self.shared, job.function, *job.values)
        return self.client.submit(*given, key=key, pure=False, **where)

    def _ended(self, under_way: dict["Future", Job]) -> list["Future"]:
        """Waits until at least one has ended, well or not."""
        from distributed import wait

        while True:
            with self.client.as_current(), contextlib.suppress(TimeoutError, CancelledError):
                wait(list(under_way), timeout=NO_WORKER, return_when="FIRST_COMPLETED")
            if ended := [future for future in under_way if future.status != "pending"]:
                return ended
            self._workers()  # in all that time nothing: is there anybody?

    def _settle(self, job: Job, future: "Future", alone: bool) -> bool:
        """Take what a job gave; whether it is to be tried again."""
        if future.status != "finished":
            self._ask(self.client.nthreads)  # all end so where the scheduler does
            return self._broken(job, future.exception() if future.status == "error" else None, alone)
        outcome: Outcome = self._ask(future.result)
        worker = outcome.worker.split(" ")[0]
        if outcome.error is None:
            self.strikes[worker].clear()
            self.finished += 1
            self.done(job, outcome.value)
            return False
        self.strikes[worker].add(job.name)
        job.failed_at.append(worker)
        return self._once_more(job, f"{outcome.error} (worker {outcome.worker})")

    def _once_more(self, job: Job, error: str) -> bool:
        self.last_error = error
        job.errors.append(error)
        if len(job.errors) < TRIES:
            return True
        # where all the others have failed too it is not this job: nobody can work here
        if not self.finished and all(other.errors for other in [*self.waiting, *self.under_way.values()]):
            raise self._nobody()
        self.given_up[job.name] = f"{TRIES} tries failed: {error}"
        return False

    def _broken(self, job: Job, error: BaseException | None, alone: bool) -> bool:
        from distributed.scheduler import KilledWorker

        if not isinstance(error, KilledWorker):  # cancelled or lost on its way, or the worker cannot read it
            return self._once_more(job, f"{type(error).__name__}: {error}"[:300])
        deaths = error.allowed_failures + 1
        if alone:
            self.given_up[job.name] = f"{deaths} workers died with it among other jobs, and {deaths} with it alone"
        else:
            self.suspects.append(job)
        return False
