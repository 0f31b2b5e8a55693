"""The one place that opens an engine."""

from pathlib import Path

from common.errors import UserError
from engines.device import Device
from engines.engine import Engine

ENGINES = ("caffe",)
PRECISIONS = ("float32",)


def open_engine(deploy: Path, model: Path, device: Device, batch: int | None = None) -> Engine:
    """The engine that a device names, with a net's weights in it.

    Raises
    ------
    UserError
        For an engine that does not exist, is not installed, or has not that precision here.
    """
    if device.engine not in ENGINES:
        raise UserError("--engine", f"one of {', '.join(ENGINES)}", device.engine, "Choose one of them.")
    from engines.caffe_engine import CaffeEngine

    return CaffeEngine(deploy, model, device, batch)
