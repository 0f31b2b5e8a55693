"""The engines that run a net's ONNX graph: ONNX Runtime, on the CPU or a GPU, and OpenVINO, on the CPU."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deeppap.engines.deploy import Deploy
from deeppap.engines.device import CUDA, Device, import_openvino, uses_gpu
from deeppap.engines.engine import Engine
from deeppap.engines.onnx_proof import proven_graph
from deeppap.io.errors import FieldError
from deeppap.io.machine import wanted_threads

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from openvino import InferRequest

BATCH = 50  # crops; larger ones are no faster
HINTS = {"float32": "f32", "bfloat16": "bf16"}  # OpenVINO's names; by default it takes bfloat16 on a CPU with AMX


class OnnxEngine(Engine):
    """An engine that runs the net's ONNX graph; it takes what `CaffeEngine` takes."""

    def __init__(
        self,
        deploy: Path | Deploy,
        model: Path,
        device: Device,
        batch: int | None = None,
        sha256: str | None = None,
    ):
        self.model, self.precision, self.batch = model, device.precision, batch or BATCH
        self.crop, self.classes = self.load(proven_graph(deploy, model, sha256), device)
        # grows with the first calls: the number of crops follows from the caller's views
        self._memory = np.empty((0, 3, self.crop, self.crop), np.float32)

    @abstractmethod
    def load(self, graph: bytes, device: Device) -> tuple[int, int]:
        """Load a graph, set `hardware`, and return the side of the input and the number of outputs."""

    @abstractmethod
    def forward(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of one batch, in new memory; Python's lock is free meanwhile."""

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities, float32 (N, K), of crops, float32 (N, 3, crop, crop)."""
        return self.in_batches(self.forward, crops)

    def room(self, count: int) -> np.ndarray:
        """The same memory each time: new memory for so many pixels costs more than the crops."""
        if len(self._memory) < count:
            self._memory = np.empty((count, *self._memory.shape[1:]), np.float32)
        return self._memory[:count]


class OnnxRuntimeEngine(OnnxEngine):
    """ONNX Runtime; it uses a GPU if its GPU package is installed."""

    name = "onnxruntime"

    def load(self, graph: bytes, device: Device) -> tuple[int, int]:
        """Open a session; float32 stays float32 on a GPU too."""
        self.session = onnxruntime_session(graph, device)
        self.hardware = device.scores_on
        self.input, output = self.session.get_inputs()[0], self.session.get_outputs()[0]
        return self.input.shape[-1], output.shape[-1]

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """See `OnnxEngine.forward`."""
        return self.session.run(None, {self.input.name: crops})[0]


class OpenVinoEngine(OnnxEngine):
    """OpenVINO on the CPU: float32, and bfloat16 if the processor has it."""

    name = "openvino"

    def load(self, graph: bytes, device: Device) -> tuple[int, int]:
        """Compile the graph for batches of any size; a fixed one is no faster."""
        self.tensor = import_openvino().Tensor
        self.hardware = device.processor
        self.request = openvino_request(graph, self.precision)
        compiled = self.request.get_compiled_model()
        return compiled.input(0).partial_shape[-1].get_length(), compiled.output(0).partial_shape[-1].get_length()

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """See `OnnxEngine.forward`."""
        data = np.ascontiguousarray(crops)  # a variable keeps it alive: the request only borrows the memory
        self.request.set_input_tensor(self.tensor(data, shared_memory=True))
        self.request.infer()
        return self.request.get_output_tensor(0).data.copy()


def onnxruntime_session(graph: bytes, device: Device) -> "InferenceSession":
    """A session of ONNX Runtime that computes on the device."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = wanted_threads()
    # between two batches the cores render views, so idle threads must not spin
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    on_gpu = uses_gpu("onnxruntime") and not device.without_gpu
    number = device.number or 0
    provider = (CUDA, {"device_id": number, "use_tf32": int(device.tf32)}) if on_gpu else "CPUExecutionProvider"
    session = onnxruntime.InferenceSession(graph, options, [provider])
    if on_gpu and CUDA not in session.get_providers():
        raise FieldError("gpu", "a GPU that onnxruntime can use", "none", "Give none.")
    return session


def openvino_request(graph: bytes, precision: str) -> "InferRequest":
    """A graph compiled by OpenVINO for this processor."""
    core = import_openvino().Core()
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": wanted_threads(),
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # else two processes of one thread each are pinned to the same core
    }
    return core.compile_model(core.read_model(graph), "CPU", options).create_infer_request()
