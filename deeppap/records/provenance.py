"""Where a figure comes from: the command, the time, the machine, the versions and the code that made it."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from deeppap.io.caffe_messages import ROOT
from deeppap.records.structs import Machine

ROOMS = ("data_prep", "deeppap")
TRAINED_WITH = ("prototxt", "profiles.toml")  # what decides a fold's figures beside the code
KINDS = (".py", ".prototxt", ".toml")


def command_line() -> list[str]:
    """The command of this process, word by word."""
    return [os.path.relpath(sys.argv[0]), *sys.argv[1:]]


def now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def provenance() -> dict[str, Any]:
    """RunRecord's `started`, `machine` and `versions`: now, here, and with which versions."""
    packages = ("numpy", "lmdb", "opencv-python", "scikit-learn", "protobuf")
    versions = {name: _version(name) for name in packages}
    return {
        "started": now(),
        "machine": Machine.here(),
        "versions": {"python": platform.python_version(), **versions, "project": _commit()},
    }


def _version(package: str) -> str:
    """A package's version; OpenCV comes without a window, too, under another name."""
    try:
        return version(package)
    except PackageNotFoundError:
        return version(f"{package}-headless")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


@lru_cache(maxsize=4)
def code_digest(parts: Sequence[str] = (*ROOMS, *TRAINED_WITH)) -> str:
    """A checksum over all code in some folders and files of the project: results of another version must not mix in."""
    found = hashlib.sha256()
    for part in parts:
        files = sorted((ROOT / part).rglob("*")) if (ROOT / part).is_dir() else [ROOT / part]
        for path in (file for file in files if file.suffix in KINDS):
            # zeros keep names and contents apart: code moved from one file to the next is other code
            found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()
