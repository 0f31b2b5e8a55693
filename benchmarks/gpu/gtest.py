"""Caffe's own tests on the card."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common.errors import UserError

SHARDS_AT_ONCE = 4  # processes of Caffe's tests that share a card


def gtest_step(binary: Path, data: Path, choice: str, shards: int, limit: float) -> dict:
    """Caffe's own tests, in `shards` processes, a few at a time: how many passed and which did not.

    A test that ends its process takes the rest of its shard with it, so many small shards lose little.
    """
    if not binary.exists():
        raise UserError(binary, "Caffe's test program", "none", "Give it with --gtest.")
    start = time.monotonic()

    def shard(number: int) -> str:
        environment = {"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(number), "GLOG_minloglevel": "2"}
        command, left = [binary, f"--gtest_filter={choice}"], start + limit - time.monotonic()
        with subprocess.Popen(
            command,
            cwd=data,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                return process.communicate(timeout=max(0.1, left))[0]
            except subprocess.TimeoutExpired:
                process.kill()
                return process.communicate()[0] + "\nout of time\n"

    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        outputs = list(pool.map(shard, range(shards)))
    return {**_gtest_figures(outputs), "seconds": time.monotonic() - start}


def _gtest_figures(outputs: Sequence[str]) -> dict:
    """Counts of what ran; a shard that ended early leaves the test it was in."""
    ok, failed, broken = 0, [], []
    for output in outputs:
        ok += len(re.findall(r"^\[       OK \]", output, re.M))
        failed += re.findall(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)", output, re.M)
        if "[  PASSED  ]" not in output:
            begun = re.findall(r"^\[ RUN      \] (\S+)", output, re.M)
            broken.append({"in": begun[-1] if begun else None, "end": output.strip().splitlines()[-1:]})
    return {"passed": ok, "failed": sorted(failed), "ended_early": broken}
