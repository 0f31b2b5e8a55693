"""Seconds until a tool has printed its --help."""

import subprocess
import sys
from pathlib import Path

from benchmarks.alternate import Task, alternate, timed
from benchmarks.sheet import Figure, figure
from benchmarks.work import Work
from deeppap.io.caffe_messages import ROOT


def measure(work: Work) -> list[Figure]:
    """Every executable in tools/."""
    tools = sorted(path for path in (ROOT / "tools").glob("[!_]*.py"))

    def task(tool: Path) -> Task:
        return timed(lambda: subprocess.run([sys.executable, tool, "--help"], check=True, stdout=subprocess.DEVNULL))

    seconds = alternate({tool.name: task(tool) for tool in tools}, work.rounds, "start-up")
    return [figure("--help", name, values, "s") for name, values in seconds.items()]
