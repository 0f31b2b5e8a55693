"""How long a net's passes take, by Caffe's own `caffe time`."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deeppap.training.run_caffe import LOGGING, caffe_program

PASSES = (r"Average Forward pass: ([\d.]+) ms", r"Average Forward-Backward: ([\d.]+) ms")


def caffe_time(net: Path, iterations: int, gpu: Sequence[str], tf32: bool = False) -> tuple[float, float]:
    """Milliseconds of a forward pass, and of a forward and a backward pass; on a GPU `tf32` lets it round to TF32.

    Raises
    ------
    RuntimeError
        With the last line of Caffe's output, if it does not get so far.
    """
    command = [caffe_program(), "time", "-model", str(net), "-iterations", str(iterations), *gpu]
    # both switches, whatever this process was told about itself
    others = {name: value for name, value in os.environ.items() if name not in ("CAFFE_TF32", "NVIDIA_TF32_OVERRIDE")}
    process = {**others, **LOGGING, **({"CAFFE_TF32": "1"} if tf32 else {"NVIDIA_TF32_OVERRIDE": "0"})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=process)
    forward, both = (re.search(pattern, done.stderr) for pattern in PASSES)
    if done.returncode or not forward or not both:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no output"])[-1])
    return float(forward[1]), float(both[1])
