"""What the injected failures share. Every test in this folder carries the mark `faults`."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.checkout import make_checkout, run_tool, tool_environment
from tests.support.fault_tools import Disk, can_mount

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.faults)


TRAINED = ("snapshots", "model.json", "train.log", "*.csv", "*.npz", "scores*.json", "training.json")


@pytest.fixture
def untrained(copy_of, built_fold):
    """A copy of the built fold as it was before any training, and its checkout: (place, fold)."""
    return copy_of(built_fold, *TRAINED)


@pytest.fixture
def place(tmp_path):
    """A checkout of the test's own."""
    return make_checkout(tmp_path / "own")


@pytest.fixture
def refused():
    """Run a tool that must refuse: exit status 2, one line, no traceback; returns the line."""

    def run(place, tool, *words, **options) -> str:
        done = run_tool(place, tool, *words, status=2, **options)
        assert "Traceback" not in done.stderr, done.stderr
        # a bar of progress may stand before it in its line
        lines = [line[line.index(f"{tool}.py: ") :] for line in done.stderr.splitlines() if f"{tool}.py: " in line]
        assert len(lines) == 1, done.stderr
        assert "expected " in lines[0] and ", found " in lines[0], lines[0]
        return lines[0]

    return run


@pytest.fixture
def small_disk(tmp_path):
    """Make a real disk of so many bytes: (size) -> folder; skipped where this user may not mount one."""
    made = []

    def make(size: int) -> Disk:
        if not can_mount(tmp_path):
            pytest.skip("a small disk needs the right to mount a tmpfs")
        made.append(Disk(tmp_path / f"disk{len(made)}", size))
        return made[-1]

    yield make
    for disk in made:
        disk.unmount()


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # a shell or nohup may have us ignore them, and a child inherits that


@pytest.fixture
def start(place):
    """Start a tool in the background: (tool, *words) -> Popen; whatever still runs at the end is killed.

    Signals that end a process do so, whatever the tests themselves were started under; `under` is a command such as
    nohup that starts the tool in its own way.
    """
    running = []

    def begin(tool, *words, herlev=None, where=place, under=()) -> subprocess.Popen:
        process = subprocess.Popen(
            [*under, f"tools/{tool}.py", *map(str, words)],
            preexec_fn=_default_signals,
            cwd=where,
            env=tool_environment(herlev),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            os.kill(process.pid, 9)
        process.communicate()
