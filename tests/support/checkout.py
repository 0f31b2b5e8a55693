"""Running the tools as a user does, in a folder of the test's own."""

import contextlib
import io
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]


def make_checkout(folder: Path) -> Path:
    """A folder that looks like the project's root to a command: tools/ and prototxt/ are links."""
    folder.mkdir(exist_ok=True)
    for name in ("tools", "prototxt"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def tool_environment(herlev: Path | None = None, **more: str) -> dict[str, str]:
    """The test's own environment, with HERLEV where it is given."""
    return {**os.environ, **({"HERLEV": str(herlev)} if herlev else {}), **more}


def run_tool(
    place: Path, tool: str, *words: object, herlev: Path | None = None, status: int = 0, process: bool = False
) -> subprocess.CompletedProcess:
    """Run tools/<tool>.py in `place`, require its exit status, and return what it printed.

    It runs in this process, which saves the second that a tool takes to import its libraries; `process` gives it one
    of its own, for tests of what a process inherits.
    """
    command = [f"tools/{tool}.py", *map(str, words)]
    environment = tool_environment(herlev)
    if process:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    else:
        done = run_here(command, place, environment)
    assert done.returncode == status, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run_here(command: list[str], place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run a script of ours in this process, in `place`, as if it were one of its own."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    tools = str(ROOT / "tools")
    with (
        contextlib.chdir(place),
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", command),
        mock.patch.object(sys, "path", [tools, *sys.path]),
        _same_signals(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=err)
        except Exception:  # the interpreter would print it and exit with 1
            status = 1
            traceback.print_exc(file=err)
    return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _same_signals() -> Iterator[None]:
    """Put back the handlers that a tool sets for the rest of its process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
