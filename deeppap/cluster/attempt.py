"""One job on a worker: what it gave, or what went wrong there, as plain values that any driver can read."""

import socket
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.records.code_digest import code_digest


class Outcome(NamedTuple):
    """What one try of a job gave: `value`, or `error` in one line; `worker` is where it ran."""

    worker: str
    value: Any = None
    error: str | None = None


def attempt(code: str, seen: str, function: Callable, *values: Any) -> Outcome:
    """Run `function(*values)` on a worker that has the driver's code and sees its folder.

    Parameters
    ----------
    code : str
        The driver's `code_digest`.
    seen : str
        A file that the driver made in the folder that all must share.
    """
    from distributed import get_worker

    here = f"{get_worker().address} on {socket.gethostname()}"
    try:
        _require_same(code, seen)
        return Outcome(here, function(*values))
    except Exception as error:  # whatever it is, the driver decides: another worker may do it
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return Outcome(here, error=" ".join(text.split())[:500])


def _require_same(code: str, seen: str) -> None:
    _one_thread()
    if code_digest() != code:
        raise UserError(ROOT, "the same code as the driver's", "another version", "Update it and restart the worker.")
    if not Path(seen).exists():
        do = "All nodes must see it under this path: put it on a shared disk."
        raise UserError(Path(seen).parent, "the folder that the driver writes into", "none, or another one", do)


@lru_cache(maxsize=1)
def _one_thread() -> None:
    """A worker is one thread: its neighbours have the other cores."""
    import cv2

    cv2.setNumThreads(1)
