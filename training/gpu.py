"""Which GPU Caffe runs on, if any."""

import os
import subprocess
import sys

from common.errors import UserError
from common.run_folder import machine


def cuda_build_chosen() -> bool:
    """Whether the Caffe that runs here is the CUDA build."""
    import caffe_select

    return caffe_select.build().name == "cuda"


def gpu_arguments(choice: str | None) -> list[str]:
    """Arguments of `caffe train` for --gpu: a number, all, none; None takes the first GPU where Caffe has one.

    Raises
    ------
    UserError
        If a GPU is asked for and the Caffe that runs here has none.
    """
    if choice == "none":
        return []
    if not cuda_build_chosen():
        if choice is None:
            return []
        do = "Build it with make caffe CUDA=1 on a machine with a GPU, or use --gpu none."
        raise UserError("--gpu", "a Caffe built for CUDA and a GPU", "the CPU build alone", do)
    if choice not in (None, "all") and not choice.isdecimal():
        raise UserError("--gpu", "a number, all or none", choice, "Choose one of them.")
    return ["-gpu", choice or "0"]


def device(choice: str | None) -> str:
    """The processor or card that Caffe runs on, and its threads."""
    gpu = gpu_arguments(choice)
    if not gpu:
        facts = machine()
        return f"CPU, {facts['processor']}, {os.environ.get('OMP_NUM_THREADS') or facts['cores']} threads"
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return "GPU, " + (names[int(gpu[1])] if gpu[1].isdecimal() and int(gpu[1]) < len(names) else gpu[1])


def describe(choice: str | None) -> str:
    """One line: what Caffe runs on."""
    import caffe_select

    gpu = gpu_arguments(choice)
    where = f"GPU {gpu[1]}" if gpu else "the CPU"
    return f"{caffe_select.describe()}; running on {where}, Python {sys.version.split()[0]}"
