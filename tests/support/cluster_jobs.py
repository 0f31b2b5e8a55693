"""What the tests send to workers: each says on which it was tried by a file beside the others."""

import os
import secrets
import time
from pathlib import Path


def noted(folder: str, name: str) -> None:
    (Path(folder) / f"{name}.{os.getpid()}.{secrets.token_hex(4)}").touch()


def tried(folder: Path, name: str) -> list[str]:
    """The process of every try."""
    return [path.name.split(".")[1] for path in folder.glob(f"{name}.*")]


def double(folder: str, value: int) -> int:
    noted(folder, f"double{value}")
    return 2 * value


def never(folder: str) -> None:
    noted(folder, "never")
    raise ValueError("not on\nany worker")


def second(folder: str) -> str:
    """Works on another worker than the first that tried it."""
    first = not tried(Path(folder), "second")
    noted(folder, "second")
    if first:
        raise OSError("not here")
    return "there"


def deadly(folder: str) -> None:
    noted(folder, "deadly")
    os.kill(os.getpid(), 9)


def endless(folder: str) -> None:
    noted(folder, "endless")
    while True:
        time.sleep(1)


def slowly(folder: str, seconds: float) -> str:
    """Still at work when others have failed for good."""
    time.sleep(seconds)
    return "there"
