"""A real cluster of processes: Dask's scheduler and nodes (a nanny with its worker each), to be killed."""

import os
import signal
import subprocess
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.waiting import wait_until


def children(pid: int) -> list[int]:
    """Of all its threads: a nanny starts its worker from one beside the main one."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def tree(pid: int) -> list[int]:
    return [pid, *(one for child in children(pid) for one in tree(child))]


class DaskCluster:
    """A scheduler with its file, and nodes that are started and killed one by one."""

    def __init__(self, folder: Path, **environment: str):
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["DEEPPAP_TLS"] = str(folder / "tls")  # drivers find the certificate there, too
        self.folder, self.file, self.environment = folder, folder / "scheduler.json", {**os.environ, **environment}
        self.running: list[subprocess.Popen] = []
        own = ("--port", "0", "--scheduler-file", self.file, "--no-dashboard")
        self.scheduler = self._start("scheduler", *own)
        wait_until(self.file.exists, "the scheduler")

    def _start(self, *words: object, around: tuple[str, ...] = ()) -> subprocess.Popen:
        log = (self.folder / f"log{len(self.running)}.txt").open("wb")
        command = [*around, str(ROOT / "tools/dask.sh"), *map(str, words)]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        log.close()
        self.running.append(process)
        return process

    def node(self, preload: Path | None = None, around: tuple[str, ...] = ()) -> subprocess.Popen:
        """One node; `around` are words before its command, such as unshare's."""
        own = ("--preload", preload) if preload else ()
        own = (*own, "--scheduler-file", self.file, "--local-directory", self.folder)
        return self._start("worker", *own, around=around)

    def registered(self) -> int:
        """How often a worker has come, in all."""
        return (self.folder / "log0.txt").read_text(errors="replace").count("Register worker")

    @staticmethod
    def worker_of(node: subprocess.Popen) -> int:
        """The process that works, below the node's nanny."""
        return next(pid for pid in tree(node.pid)[1:] if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())

    @staticmethod
    def kill_node(node: subprocess.Popen) -> None:
        """A nanny and its worker at once, as where the power fails."""
        for pid in tree(node.pid):
            os.kill(pid, signal.SIGKILL)
        node.wait()

    def close(self) -> None:
        for process in self.running:
            if process.poll() is None:
                self.kill_node(process)
