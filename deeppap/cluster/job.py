"""What is handed out to workers, and how they know that they share the driver's folder."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False)
class Job:
    """A function with what it is called with; plain values, since they are sent."""

    name: str
    function: Callable
    values: tuple
    failed_at: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def shared_mark(folder: Path) -> Iterator[str]:
    """A file by which a worker knows that it sees the driver's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder.absolute() / f".driver-{os.getpid()}-{secrets.token_hex(4)}"
    mark.touch()
    try:
        yield str(mark)
    finally:
        mark.unlink(missing_ok=True)
