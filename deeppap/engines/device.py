"""Which engine runs a net, on which GPU if any, and in what precision; resolved once a command and handed on."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType

from deeppap.io.errors import FieldError
from deeppap.io.machine import extra, wanted_threads
from deeppap.records import Machine

# every engine with its precisions; Caffe is the reference that the others are compared with
ENGINES = {"caffe": ("float32",), "openvino": ("float32", "bfloat16"), "onnxruntime": ("float32",)}
CUDA = "CUDAExecutionProvider"  # ONNX Runtime's name for a GPU


@dataclass(frozen=True)
class Device:
    """What a command runs its nets on."""

    gpu: str | None = None  # a GPU's number, or "all"; None for the CPU
    tf32: bool = False  # whether a GPU may round to TF32
    engine: str = "caffe"  # what scores, one of ENGINES; Caffe alone trains
    precision: str = "float32"  # of the engine that scores
    without_gpu: bool = False  # whether no engine may use a GPU

    @property
    def arguments(self) -> list[str]:
        """The arguments of the `caffe` program."""
        return [] if self.gpu is None else ["-gpu", self.gpu]

    @property
    def number(self) -> int | None:
        """The GPU that scores, the first of "all"; None for the CPU."""
        if self.gpu is None:
            return None
        return 0 if self.gpu == "all" else int(self.gpu)

    @property
    def count(self) -> int:
        """How many GPUs train at once; 0 for the CPU."""
        if self.gpu is None:
            return 0
        return max(1, len(gpu_names())) if self.gpu == "all" else 1

    @property
    def scores_in_tf32(self) -> bool:
        """Whether the engine that scores may round to TF32. `tf32` alone is about Caffe, which may only train here."""
        return self.tf32 and uses_gpu(self.engine)

    @property
    def hardware(self) -> str:
        """What Caffe computes on: the processor and its threads, or the GPUs."""
        if self.gpu is None:
            return self.processor
        return "GPU, " + (" + ".join(gpu_names()) or "all") if self.gpu == "all" else self.gpu_name(int(self.gpu))

    @property
    def scores_on(self) -> str:
        """What the engine that scores computes on. OpenVINO uses the CPU even where Caffe has a GPU."""
        if self.engine == "caffe":
            return self.hardware
        on_gpu = uses_gpu(self.engine) and not self.without_gpu
        return self.gpu_name(self.number or 0) if on_gpu else self.processor

    @property
    def processor(self) -> str:
        """The processor and the number of threads."""
        return f"CPU, {Machine.here().processor}, {wanted_threads()} threads"

    def gpu_name(self, number: int) -> str:
        """A GPU's name, or its number if the driver does not list it."""
        names = gpu_names()
        return "GPU, " + (names[number] if number < len(names) else str(number))

    def describe(self) -> str:
        """One line: which Caffe runs here, and on what."""
        python = f"Python {sys.version.split()[0]}"
        select = caffe_select()
        if select is None:
            return f"no Caffe here; scoring with {self.engine} on {self.scores_on}, not compared with Caffe, {python}"
        where = {None: "the CPU", "all": "all GPUs"}.get(self.gpu, f"GPU {self.gpu}")
        precision = ", TF32" if self.tf32 else ""
        return f"{select.describe()}; running on {where}{precision}, {python}"


def resolve(gpu: str | None = None, tf32: bool = False, engine: str = "caffe", precision: str = "float32") -> Device:
    """What these choices mean on this machine; also sets Caffe's environment variables.

    Call it once a command, before Caffe is imported or started. The default is the first GPU if Caffe was built for
    CUDA, else the CPU.

    Raises FieldError if this machine lacks the GPU, TF32, the engine or the precision.
    """
    require_engine(engine, precision)
    if gpu == "none" and _build_installed("cpu"):
        os.environ.setdefault("CAFFE_BUILD", "cpu")  # the CUDA build takes a GPU's memory even if it runs on the CPU
    number = _checked_gpu(gpu)
    if tf32 and number is None:
        raise FieldError("tf32", "a GPU to compute on", "the CPU, which has float32 alone", "Leave `tf32` out.")
    if tf32:
        os.environ["CAFFE_TF32"] = "1"
    in_use = number is not None and os.environ.get("CAFFE_TF32") == "1"
    # NVIDIA's own switch decides where cuBLAS and cuDNN have different defaults
    if in_use:
        os.environ.pop("NVIDIA_TF32_OVERRIDE", None)
    else:
        os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    scored_in = "tf32" if in_use and engine == "caffe" else precision
    return Device(number, in_use, engine, scored_in, without_gpu=gpu == "none")


def adopt(device: Device) -> Device:
    """A device that another process resolved, for this worker: its GPU is the first one that this process sees.

    Raises FieldError if this machine lacks it.
    """
    # CUDA_VISIBLE_DEVICES gives each worker one card, which is then number 0 there
    gpu = None if device.gpu is None else "0"
    precision = "float32" if device.precision == "tf32" else device.precision
    resolve(gpu or "none", device.tf32, device.engine, precision)
    return replace(device, gpu=gpu)


def require_engine(engine: str, precision: str) -> None:
    """Refuse an engine that is unknown or not installed, or a precision that it or the processor lacks."""
    if engine not in ENGINES:
        raise FieldError("engine", f"one of {', '.join(ENGINES)}", engine, "Choose one of them.")
    if precision not in ENGINES[engine]:
        expected = f"a precision of {engine}: {', '.join(ENGINES[engine])}"
        raise FieldError("precision", expected, precision, "Choose one of them, or another `engine`.")
    # found out here, in one line, and not by an ImportError after the images were read
    if engine == "caffe" and caffe_select() is None:
        do = "Run make caffe. To score, `engine` onnxruntime needs no Caffe."
        raise FieldError("engine", "BVLC Caffe in this Python", "none", do)
    if engine != "caffe" and importlib.util.find_spec(engine) is None:
        raise FieldError("engine", f"the package {engine}", "none", "Run make engines.")
    if precision == "bfloat16" and not has_bfloat16():
        found = f"{Machine.here().processor}, which has none"
        raise FieldError(
            "precision", "a processor with bfloat16 (AVX-512 BF16 or AMX)", found, "Leave `precision` out."
        )


def uses_gpu(engine: str) -> bool:
    """Whether an engine uses a GPU if there is one. ONNX Runtime does only with its GPU package."""
    if engine == "onnxruntime":
        return CUDA in import_onnxruntime().get_available_providers()
    return engine == "caffe"


def has_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@cache
def openvino_core():
    """OpenVINO's one core of this process: where the last one went before a net of its own, the process crashed."""
    return import_openvino().Core()


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime without its telemetry, which would tell Microsoft of every session."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded; a later call comes too late
    return extra("onnxruntime", "running a net as ONNX", "engines")


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which would tell Google Analytics of every import."""
    sys.modules.setdefault("openvino_telemetry", None)  # then OpenVINO uses a stub of its own
    import openvino

    return openvino


def caffe_select() -> ModuleType | None:
    """The installed module that chooses Caffe's build; None if Caffe is not installed."""
    try:
        import caffe_select as module
    except ImportError:
        return None
    return module


def cuda_build_chosen() -> bool:
    """Whether the Caffe that runs here is the CUDA build."""
    select = caffe_select()
    return select is not None and select.build().name == "cuda"


def _build_installed(build: str) -> bool:
    select = caffe_select()
    return select is not None and (select.BUILDS / build).is_dir()


def _checked_gpu(choice: str | None) -> str | None:
    """The GPU that is chosen: its number or "all"; None for the CPU."""
    if choice not in (None, "all", "none") and not choice.isdecimal():
        raise FieldError("gpu", "a number, all or none", choice, "Choose one of them.")
    if choice == "none":
        return None
    if cuda_build_chosen():
        return choice or "0"
    if choice is None:
        return None
    found, do = "the CPU build alone", "Build it with make caffe CUDA=1 on a machine with a GPU, or give none to `gpu`."
    if _build_installed("cuda"):
        found, do = "no GPU", "See whether nvidia-smi and CUDA_VISIBLE_DEVICES show one, or give none to `gpu`."
    raise FieldError("gpu", "a Caffe built for CUDA and a GPU", found, do)


def gpus_for_workers(device: Device, choice: str | None) -> list[str]:
    """Values of CUDA_VISIBLE_DEVICES for a cluster's workers, one GPU each; empty if the device is the CPU."""
    if device.gpu is None:
        return []
    # the numbers that the user's own variable leaves, not those of the machine
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = shown.split(",") if shown else [str(number) for number in range(len(gpu_names()))]
    return gpus if choice in (None, "all") else gpus[int(choice) :][:1]


def gpu_names() -> list[str]:
    """Names of the GPUs that CUDA shows to this process."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown:
        command.append(f"--id={shown}")
    # a machine without nvidia-smi has no GPU as far as anybody here can tell
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []
