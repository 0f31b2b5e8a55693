"""OpenVINO, on the CPU: float32, and bfloat16 where the processor has it."""

import numpy as np

from deeppap.engines.device import Device
from deeppap.engines.onnx_engine import OnnxEngine
from deeppap.engines.openvino_import import import_openvino
from deeppap.io.machine import wanted_threads

HINTS = {"float32": "f32", "bfloat16": "bf16"}  # without one it takes bfloat16 unasked where there is AMX


class OpenVinoEngine(OnnxEngine):
    """Runs the net's graph with OpenVINO."""

    name = "openvino"

    def load(self, graph: bytes, device: Device) -> tuple[int, int]:
        """Compile the graph for batches of any size; a fixed one is no faster."""
        openvino = import_openvino()
        self.tensor = openvino.Tensor
        options = {
            "INFERENCE_PRECISION_HINT": HINTS[self.precision],
            "INFERENCE_NUM_THREADS": wanted_threads(),
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # else two processes of one thread each take the same core
        }
        self.hardware = device.processor
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(graph), "CPU", options)
        self.request = compiled.create_infer_request()
        return compiled.input(0).partial_shape[-1].get_length(), compiled.output(0).partial_shape[-1].get_length()

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """Python's lock is free meanwhile."""
        data = np.ascontiguousarray(crops)  # by a name: the request borrows this memory and does not keep it alive
        self.request.set_input_tensor(self.tensor(data, shared_memory=True))
        self.request.infer()
        return self.request.get_output_tensor(0).data.copy()
