"""OpenVINO without its telemetry: as it comes, its mere import tells Google Analytics, unasked, that it was used."""

import sys
from types import ModuleType


def import_openvino() -> ModuleType:
    """The package; where its telemetry cannot be imported it makes do with a stub of its own."""
    sys.modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
