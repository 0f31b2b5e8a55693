"""What a net runs on: which engine, which GPU if any, and in what precision; resolved once and handed on."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace

from deeppap.engines.available import on_card, require_engine
from deeppap.io.errors import UserError
from deeppap.io.machine import wanted_threads
from deeppap.records.provenance import machine

CHOICES = "number, all or none"


@dataclass(frozen=True)
class Device:
    """What a command runs its nets on.

    Attributes
    ----------
    gpu : str or None
        A card's number, or "all"; None for the CPU.
    tf32 : bool
        Whether a GPU may round to TF32.
    engine : str
        What scores: "caffe", the reference, or another of `deeppap.engines.open_engine`. Training is always Caffe's.
    precision : str
        Of the engine that scores.
    without_gpu : bool
        Whether no engine may take a GPU.
    """

    gpu: str | None = None
    tf32: bool = False
    engine: str = "caffe"
    precision: str = "float32"
    without_gpu: bool = False

    @property
    def arguments(self) -> list[str]:
        """The arguments of the `caffe` program."""
        return [] if self.gpu is None else ["-gpu", self.gpu]

    @property
    def number(self) -> int | None:
        """The one GPU that scores, the first of all; None for the CPU."""
        if self.gpu is None:
            return None
        return 0 if self.gpu == "all" else int(self.gpu)

    @property
    def count(self) -> int:
        """How many GPUs train at once; 0 for the CPU."""
        if self.gpu is None:
            return 0
        return max(1, len(card_names())) if self.gpu == "all" else 1

    @property
    def scores_in_tf32(self) -> bool:
        """Whether the engine that scores may round to TF32, which Caffe, as it trains, may without it."""
        return self.tf32 and on_card(self.engine)

    @property
    def hardware(self) -> str:
        """What Caffe computes on: the processor and its threads, or the cards."""
        if self.gpu is None:
            return self.processor
        return "GPU, " + (" + ".join(card_names()) or "all") if self.gpu == "all" else self.card(int(self.gpu))

    @property
    def scores_on(self) -> str:
        """What the engine that scores computes on: OpenVINO on the processor, also where Caffe has a card."""
        if self.engine == "caffe":
            return self.hardware
        return self.card(self.number or 0) if on_card(self.engine) and not self.without_gpu else self.processor

    @property
    def processor(self) -> str:
        """The processor and the threads that compute."""
        return f"CPU, {machine().processor}, {wanted_threads()} threads"

    def card(self, number: int) -> str:
        """One card's name, or its number where there is none to be had."""
        names = card_names()
        return "GPU, " + (names[number] if number < len(names) else str(number))

    def describe(self) -> str:
        """One line: which Caffe, and what it runs on."""
        import caffe_select

        where = "the CPU" if self.gpu is None else "all GPUs" if self.gpu == "all" else f"GPU {self.gpu}"
        precision = ", TF32" if self.tf32 else ""
        return f"{caffe_select.describe()}; running on {where}{precision}, Python {sys.version.split()[0]}"


def resolve(gpu: str | None = None, tf32: bool = False, engine: str = "caffe", precision: str = "float32") -> Device:
    """The device that --gpu, --tf32, --engine and --precision mean here; sets the environment they stand for.

    To be called once a command, before Caffe is imported or started. Without --gpu it is the first GPU where Caffe
    was built for one, else the CPU.

    Raises
    ------
    UserError
        If a GPU is asked for, or TF32, and the Caffe that runs here has none; or an engine or a precision that is
        not to be had here.
    """
    require_engine(engine, precision)
    if gpu == "none" and _installed("cpu"):
        os.environ.setdefault("CAFFE_BUILD", "cpu")  # a CUDA build takes a card's memory even where it computes on none
    card = _card(gpu)
    if tf32 and card is None:
        raise UserError("--tf32", "a GPU to compute on", "the CPU, which has float32 alone", "Leave --tf32 out.")
    if tf32:
        os.environ["CAFFE_TF32"] = "1"
    in_use = card is not None and os.environ.get("CAFFE_TF32") == "1"
    if in_use:
        os.environ.pop("NVIDIA_TF32_OVERRIDE", None)
    else:
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # NVIDIA's own switch, where libraries disagree
    scored_in = "tf32" if in_use and engine == "caffe" else precision
    return Device(card, in_use, engine, scored_in, without_gpu=gpu == "none")


def adopt(device: Device) -> Device:
    """A device that another process resolved, for this one: sets the environment; of GPUs, the first that is seen here.

    Raises
    ------
    UserError
        If it is not to be had here.
    """
    card = None if device.gpu is None else "0"
    precision = "float32" if device.precision == "tf32" else device.precision
    resolve(card or "none", device.tf32, device.engine, precision)
    return replace(device, gpu=card)


def _card(choice: str | None) -> str | None:
    if choice not in (None, "all", "none") and not choice.isdecimal():
        raise UserError("--gpu", f"a {CHOICES}", choice, "Choose one of them.")
    if choice == "none":
        return None
    if not cuda_build_chosen():
        if choice is None:
            return None
        found, do = "the CPU build alone", "Build it with make caffe CUDA=1 on a machine with a GPU, or use --gpu none."
        if _installed("cuda"):
            found, do = "no GPU", "See whether nvidia-smi and CUDA_VISIBLE_DEVICES show one, or use --gpu none."
        raise UserError("--gpu", "a Caffe built for CUDA and a GPU", found, do)
    return choice or "0"


def cuda_build_chosen() -> bool:
    """Whether the Caffe that runs here is the CUDA build."""
    import caffe_select

    return caffe_select.build().name == "cuda"


def _installed(build: str) -> bool:
    import caffe_select

    return (caffe_select.BUILDS / build).is_dir()


def visible_cards(choice: str | None = None) -> list[str]:
    """What CUDA_VISIBLE_DEVICES is to be for one process a card: that of --gpu, or all of them."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    cards = shown.split(",") if shown else [str(number) for number in range(len(card_names()))]
    return cards if choice in (None, "all") else cards[int(choice) :][:1]


def cards_of(device: Device, choice: str | None) -> list[str]:
    """The cards that a cluster's workers share, one each; none where the device is the CPU."""
    return [] if device.gpu is None else visible_cards(choice)


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
