"""Which GPU Caffe runs on, if any, and in what precision."""

import os
import subprocess
import sys

from common.errors import UserError
from common.provenance import machine


def cuda_build_chosen() -> bool:
    """Whether the Caffe that runs here is the CUDA build."""
    import caffe_select

    return caffe_select.build().name == "cuda"


def _installed(build: str) -> bool:
    import caffe_select

    return (caffe_select.BUILDS / build).is_dir()


def settle(choice: str | None, tf32: bool = False) -> None:
    """Check --gpu and --tf32 and set the environment they stand for; before Caffe is imported or started.

    Raises
    ------
    UserError
        If a GPU is asked for, or TF32, and the Caffe that runs here has none.
    """
    if choice == "none" and _installed("cpu"):
        os.environ.setdefault("CAFFE_BUILD", "cpu")  # a CUDA build takes a card's memory even where it computes on none
    gpu = gpu_arguments(choice)
    if tf32 and not gpu:
        raise UserError("--tf32", "a GPU to compute on", "the CPU, which has float32 alone", "Leave --tf32 out.")
    if tf32:
        os.environ["CAFFE_TF32"] = "1"
    if tf32_in_use(choice):
        os.environ.pop("NVIDIA_TF32_OVERRIDE", None)
    else:
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # NVIDIA's own switch, where libraries disagree


def tf32_in_use(choice: str | None) -> bool:
    """Whether what runs on --gpu `choice` may round to TF32."""
    return bool(gpu_arguments(choice)) and os.environ.get("CAFFE_TF32") == "1"


def gpu_arguments(choice: str | None) -> list[str]:
    """Arguments of `caffe train` for --gpu: a number, all, none; None takes the first GPU where Caffe has one.

    Raises
    ------
    UserError
        If a GPU is asked for and the Caffe that runs here has none.
    """
    if choice not in (None, "all", "none") and not choice.isdecimal():
        raise UserError("--gpu", "a number, all or none", choice, "Choose one of them.")
    if choice == "none":
        return []
    if not cuda_build_chosen():
        if choice is None:
            return []
        found, do = "the CPU build alone", "Build it with make caffe CUDA=1 on a machine with a GPU, or use --gpu none."
        if _installed("cuda"):
            found, do = "no GPU", "See whether nvidia-smi and CUDA_VISIBLE_DEVICES show one, or use --gpu none."
        raise UserError("--gpu", "a Caffe built for CUDA and a GPU", found, do)
    return ["-gpu", choice or "0"]


def gpu_number(choice: str | None) -> int | None:
    """The one GPU that scores, the first of all; None for the CPU."""
    gpu = gpu_arguments(choice)
    if not gpu:
        return None
    return 0 if gpu[1] == "all" else int(gpu[1])


def gpu_count(choice: str | None) -> int:
    """How many GPUs train at once; 0 for the CPU."""
    gpu = gpu_arguments(choice)
    if not gpu:
        return 0
    return max(1, len(card_names())) if gpu[1] == "all" else 1


def card_names() -> list[str]:
    """Names of the cards that CUDA shows to this process."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown:
        command.append(f"--id={shown}")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def device(choice: str | None) -> str:
    """The processor and its threads, or the cards, that Caffe runs on."""
    gpu = gpu_arguments(choice)
    if not gpu:
        facts = machine()
        return f"CPU, {facts['processor']}, {os.environ.get('OMP_NUM_THREADS') or facts['cores']} threads"
    names = card_names()
    if gpu[1] == "all":
        return "GPU, " + (" + ".join(names) or "all")
    return "GPU, " + (names[int(gpu[1])] if int(gpu[1]) < len(names) else gpu[1])


def describe(choice: str | None) -> str:
    """One line: what Caffe runs on."""
    import caffe_select

    gpu = gpu_arguments(choice)
    where = f"{'all GPUs' if gpu[1] == 'all' else f'GPU {gpu[1]}'}" if gpu else "the CPU"
    precision = ", TF32" if tf32_in_use(choice) else ""
    return f"{caffe_select.describe()}; running on {where}{precision}, Python {sys.version.split()[0]}"
