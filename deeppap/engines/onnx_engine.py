"""The engines that run a net's ONNX graph: ONNX Runtime, on the CPU or a GPU, and OpenVINO, on the CPU."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from deeppap.engines.deploy import Deploy, read_deploy
from deeppap.engines.device import CUDA, Device, import_onnxruntime, import_openvino, openvino_core, uses_gpu
from deeppap.engines.engine import Engine
from deeppap.engines.onnx_proof import proven_graph
from deeppap.io.errors import FieldError
from deeppap.io.machine import wanted_threads

BATCH = 50  # crops; larger ones are no faster
HINTS = {"float32": "f32", "bfloat16": "bf16"}  # OpenVINO's names; by default it takes bfloat16 on a CPU with AMX
Run = Callable[[np.ndarray], list[np.ndarray]]  # one batch, float32, to the graph's outputs in new memory


class OnnxEngine(Engine):
    """An engine that runs the net's ONNX graph; it takes what `CaffeEngine` takes."""

    def __init__(
        self, deploy: Path | Deploy, model: Path, device: Device, batch: int | None = None, sha256: str | None = None
    ):
        self.name, self.model, self.precision, self.batch = device.engine, model, device.precision, batch or BATCH
        self.deploy, self.device, self.hardware, self.shown = read_deploy(deploy), device, device.scores_on, None
        self.graph, self.crop, self.classes = proven_graph(self.deploy, model, sha256)
        self.run = graph_runner(self.graph, device, device.precision)

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """See `Engine.forward`."""
        return self.run(crops)[0]

    def forward_with_layer(self, crops: np.ndarray, layer: str) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine.forward_with_layer`: a graph has no outputs but those that it was made with."""
        if self.shown != layer:
            from deeppap.engines.onnx_graph import with_means  # imports onnx, which may be missing

            self.run = graph_runner(with_means(self.graph, self.deploy, layer), self.device, self.precision)
            self.shown = layer
        prob, means = self.run(crops)
        return prob, means


def graph_runner(graph: bytes, device: Device, precision: str) -> Run:
    """A graph of one input, opened by the engine that the device names."""
    return _onnxruntime(graph, device) if device.engine == "onnxruntime" else _openvino(graph, precision)


def _onnxruntime(graph: bytes, device: Device) -> Run:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = wanted_threads()
    # between two batches the cores render views, so idle threads must not spin
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    on_gpu = uses_gpu("onnxruntime") and not device.without_gpu
    number = device.number or 0
    # float32 stays float32 on a GPU too, unless TF32 was asked for
    provider = (CUDA, {"device_id": number, "use_tf32": int(device.tf32)}) if on_gpu else "CPUExecutionProvider"
    session = onnxruntime.InferenceSession(graph, options, [provider])
    if on_gpu and CUDA not in session.get_providers():
        raise FieldError("gpu", "a GPU that onnxruntime can use", "none", "Give none.")
    name = session.get_inputs()[0].name
    return lambda data: session.run(None, {name: data})


def _openvino(graph: bytes, precision: str) -> Run:
    openvino, core = import_openvino(), openvino_core()
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": wanted_threads(),
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # else two processes of one thread each are pinned to the same core
    }
    request = core.compile_model(core.read_model(graph), "CPU", options).create_infer_request()

    def run(data: np.ndarray) -> list[np.ndarray]:
        data = np.ascontiguousarray(data)  # a variable keeps it alive: the request only borrows the memory
        request.set_input_tensor(openvino.Tensor(data, shared_memory=True))
        request.infer()
        return [output.data.copy() for output in request.output_tensors]

    return run
