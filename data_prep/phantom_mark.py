"""The file by which a phantom says of itself that it is one."""

from pathlib import Path

MARK = "phantom.json"


def is_phantom(root: Path) -> bool:
    """Whether a data set's folder was drawn by tools/make_phantom.py."""
    return (root / MARK).exists()
