"""A checksum over our own code and counts as they lie here: what another version made or does must not mix in."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

from deeppap.io.caffe_messages import ROOT

ROOMS = ("data_prep", "deeppap")
TRAINED_WITH = ("prototxt", "profiles.toml")  # what decides a fold's figures beside the code
KINDS = (".py", ".prototxt", ".toml")


@lru_cache(maxsize=4)
def code_digest(parts: Sequence[str] = (*ROOMS, *TRAINED_WITH)) -> str:
    """Of all code in some folders and files of the project."""
    found = hashlib.sha256()
    for part in parts:
        files = sorted((ROOT / part).rglob("*")) if (ROOT / part).is_dir() else [ROOT / part]
        for path in (file for file in files if file.suffix in KINDS):
            found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()
