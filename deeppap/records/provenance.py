"""Where a figure comes from: the command, the time, the machine and the versions that made it."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from deeppap.io.machine import usable_cores
from deeppap.records.structs import Machine


def command_line() -> list[str]:
    """The command of this process, word by word."""
    return [os.path.relpath(sys.argv[0]), *sys.argv[1:]]


def provenance() -> dict[str, Any]:
    """RunRecord's `started`, `machine` and `versions`: now, here, and with which versions."""
    packages = ("numpy", "lmdb", "opencv-python", "scikit-learn", "protobuf")
    versions = {name: _version(name) for name in packages}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **versions, "project": _commit()},
    }


def _version(package: str) -> str:
    """A package's version; OpenCV comes without a window, too, under another name."""
    try:
        return version(package)
    except PackageNotFoundError:
        return version(f"{package}-headless")


def machine() -> Machine:
    """Processor, cores and system of the computer that runs this."""
    models = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return Machine(
        processor=models[0] if models else platform.machine(), cores=usable_cores(), system=platform.platform()
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _commit() -> str:
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
