"""Running the parts of the benchmark one after another."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.machine import facts, gemm_peak
from benchmarks.sheet import table, write
from benchmarks.work import prepare
from deeppap.io.errors import UserError


def run_parts(folder: Path, parts: Sequence[str], rounds: int) -> str:
    """Measure `parts`, write bench.json after each and return the table with the machine above it."""
    if rounds < 1:
        raise UserError("--rounds", "1 or more", str(rounds), "Leave it out for the usual number.")
    os.environ.setdefault("GLOG_minloglevel", "2")
    machine = facts()  # first, while the load is still that of others
    work = prepare(folder, rounds)
    figures = gemm_peak(rounds)
    for part in parts:
        figures += import_module(f"benchmarks.{part}").measure(work)
        write(folder / "bench.json", machine, figures)  # each time: a part that fails late takes no hour along
    where = machine["machine"]
    heading = [
        f"{where['processor']}, {where['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB, {where['system']}",
        f"{machine['caffe']}; load before: {machine['load_before']:.2f}",
    ]
    return "\n".join([*heading, table(figures), f"{folder / 'bench.json'} written"])
