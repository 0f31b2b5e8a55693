"""ONNX Runtime, on the CPU, or on a GPU where its GPU package is installed."""

import numpy as np

from deeppap.engines.available import CUDA, on_card
from deeppap.engines.device import Device
from deeppap.engines.onnx_engine import OnnxEngine
from deeppap.io.errors import UserError
from deeppap.io.machine import wanted_threads

CPU = "CPUExecutionProvider"


class OnnxRuntimeEngine(OnnxEngine):
    """Runs the net's graph with ONNX Runtime."""

    name = "onnxruntime"

    def load(self, graph: bytes, device: Device) -> tuple[int, int]:
        """Open a session; float32 is float32 on a GPU too."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = wanted_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores render in between
        on_gpu = on_card(self.name) and not device.without_gpu
        number = device.number or 0
        choice = [(CUDA, {"device_id": number, "use_tf32": int(device.tf32)})] if on_gpu else [CPU]
        self.session = onnxruntime.InferenceSession(graph, options, choice)
        if on_gpu and CUDA not in self.session.get_providers():
            raise UserError("onnxruntime", "a GPU that it can use", "none", "Use --gpu none.")
        self.hardware = device.card(number) if on_gpu else device.processor
        self.input, output = self.session.get_inputs()[0], self.session.get_outputs()[0]
        return self.input.shape[-1], output.shape[-1]

    def forward(self, crops: np.ndarray) -> np.ndarray:
        """Python's lock is free meanwhile."""
        return self.session.run(None, {self.input.name: crops})[0]
