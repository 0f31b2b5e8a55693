"""What this machine gives us: processor cores, memory, optional packages."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from deeppap.io.errors import UserError, one_line

CGROUP = Path("/sys/fs/cgroup/memory.max")  # of a container: bytes, or "max"


def usable_cores() -> int:
    """Cores that this process may use: a container or taskset may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def wanted_threads() -> int:
    """Threads to compute with: OMP_NUM_THREADS, as Caffe takes it, else one a core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else usable_cores()


def usable_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or a container's if that is less."""
    # what is free now would change from call to call
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CGROUP.read_text().strip()
    except OSError:
        limit = "max"
    return min(machine, int(limit)) if limit.isdecimal() else machine


class TimeLimitError(BaseException):
    """Work took longer than it may; no `except Exception` on the way takes it for another fault, such as a file's."""


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise `TimeLimitError` in the body after so many seconds; outside the main thread nothing ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise TimeLimitError(f"not done after {seconds:,} s, given up")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def default_engine() -> str:
    """Caffe, the reference, where it is built; else the fastest of the others that is installed."""
    installed = [name for name in ("caffe_select", "openvino", "onnxruntime") if find_spec(name)]
    return installed[0] if installed and installed[0] != "caffe_select" else "caffe"


def extra(module: str, use: str, target: str) -> ModuleType:
    """Import a module that `make TARGET` installs.

    Raises UserError if it is not installed, or does not load; `use` says what it is for.
    """
    expected = f"this package, for {use}"
    try:
        return import_module(module)
    except ImportError:
        raise UserError(module, expected, "none here", f"Run: make {target}") from None
    except Exception as error:  # a library that is missing, or settings of the user's that it cannot read
        do = f"Run make {target}, or correct the settings that it names."
        raise UserError(module, expected, f"one that does not load: {one_line(error)}", do) from None
