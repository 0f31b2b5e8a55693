"""Which engines there are, in which precisions, and whether this machine has what one needs."""

import importlib.util

from deeppap.engines.openvino_import import import_openvino
from deeppap.io.errors import UserError
from deeppap.records.provenance import machine

ENGINES = {
    "caffe": ("float32",),
    "openvino": ("float32", "bfloat16"),
    "onnxruntime": ("float32",),
}

CUDA = "CUDAExecutionProvider"  # of ONNX Runtime
SHOW_LAYERS = ("caffe",)  # those that give a layer's output with the probabilities


def require_engine(engine: str, precision: str) -> None:
    """Refuse what cannot run here, before anything long is begun.

    Raises
    ------
    UserError
        For an engine that does not exist or is not installed, or a precision that it or the processor has not.
    """
    if engine not in ENGINES:
        raise UserError("--engine", f"one of {', '.join(ENGINES)}", engine, "Choose one of them.")
    if precision not in ENGINES[engine]:
        expected = f"a precision of {engine}: {', '.join(ENGINES[engine])}"
        raise UserError("--precision", expected, precision, "Choose one of them, or another --engine.")
    if engine != "caffe" and importlib.util.find_spec(engine) is None:
        raise UserError(f"--engine {engine}", f"the package {engine}", "none", "Run make engines.")
    if precision == "bfloat16" and not has_bfloat16():
        found = f"{machine().processor}, which has none"
        do = "Leave --precision out."
        raise UserError("--precision bfloat16", "a processor with bfloat16 (AVX-512 BF16 or AMX)", found, do)


def on_card(engine: str) -> bool:
    """Whether an engine computes on a GPU where there is one: ONNX Runtime does with its GPU package alone."""
    if engine == "onnxruntime":
        import onnxruntime

        return CUDA in onnxruntime.get_available_providers()
    return engine == "caffe"


def has_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
