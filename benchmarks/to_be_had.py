"""Which libraries, in which precisions, this machine lets one measure."""

import importlib.util

from deeppap.engines.device import has_bfloat16


def to_be_had(name: str, package: str, precision: str) -> bool:
    """Whether a package is installed and the processor computes in that precision; what is left out is said."""
    if importlib.util.find_spec(package) is None:
        print(f"left out: {name}: the package {package} is not installed")
        return False
    if precision == "bfloat16" and not (importlib.util.find_spec("openvino") and has_bfloat16()):
        print(f"left out: {name}: this processor has no bfloat16 (AVX-512 BF16 or AMX)")
        return False
    return True
