"""The one place that opens an engine."""

from pathlib import Path

from deeppap.engines.available import require_engine
from deeppap.engines.device import Device
from deeppap.engines.engine import Engine


def open_engine(deploy: Path, model: Path, device: Device, batch: int | None = None) -> Engine:
    """The engine that a device names, with a net's weights in it.

    Raises
    ------
    UserError
        For an engine that does not exist, is not installed, or has not that precision here.
    """
    if device.engine != "caffe":
        require_engine(device.engine, device.precision)
    if device.engine == "openvino":
        from deeppap.engines.openvino_engine import OpenVinoEngine as Kind
    elif device.engine == "onnxruntime":
        from deeppap.engines.onnxruntime_engine import OnnxRuntimeEngine as Kind
    else:
        from deeppap.engines.caffe_engine import CaffeEngine as Kind
    return Kind(deploy, model, device, batch)
