"""Seconds until a tool has printed its --help."""

import subprocess
import sys
import time

from benchmarks.alternate import alternate
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from common.caffe_messages import ROOT


def measure(work: Work) -> list[Figure]:
    """Every executable in tools/."""
    tools = sorted(path for path in (ROOT / "tools").glob("[!_]*.py"))

    def task(tool):
        def run() -> float:
            start = time.perf_counter()
            subprocess.run([sys.executable, tool, "--help"], check=True, stdout=subprocess.DEVNULL)
            return time.perf_counter() - start

        return run

    seconds = alternate({tool.name: task(tool) for tool in tools}, work.rounds, "start-up")
    return [figure("--help", name, values, "s") for name, values in seconds.items()]
