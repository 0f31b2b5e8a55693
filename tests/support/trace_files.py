"""Which files of the project a tool runs through: `python trace_files.py OUT.json TOOL WORDS...`.

Two counts are written. `imported` are the files that were loaded. `ran` are those of them in which a function was
called, in this process; a class's or a module's own body is no function, nor is a comprehension in it. Work in other
processes is not seen.
"""

import inspect
import json
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("data_prep", "deeppap", "tools")


class Files:
    """The project's files that a command loaded and ran, as names relative to the project."""

    def __init__(self, imported: list[str], ran: list[str]):
        self.imported, self.ran = set(imported), set(ran)


def trace(tool: str, *words: object, place: Path) -> Files:
    """Run tools/<tool>.py in `place`, require that it succeeds, and return what it ran through."""
    out = place / f"trace_{tool}.json"
    command = [sys.executable, Path(__file__), out, f"tools/{tool}.py", *words]
    done = subprocess.run([*map(str, command)], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Files(**json.loads(out.read_text(encoding="utf-8")))


def _name(file: str | None) -> str | None:
    """A file of the project, relative to it; None for any other file, such as a page's template."""
    if not file or not file.endswith(".py"):
        return None
    path = Path(os.path.realpath(file))
    if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in FOLDERS:
        return None
    return str(path.relative_to(ROOT))


def main(out: str, *words: str) -> None:
    """Run a tool in this process and write what it ran through."""
    called: set[str] = set()

    def note(frame, event: str, _argument) -> None:
        code = frame.f_code
        # a function's code is optimized, a class's body is not; `<genexpr>` alone is one of a module's constants
        if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and not code.co_qualname.startswith("<"):
            called.add(code.co_filename)

    sys.argv = [*words]
    sys.path[0] = str(Path(words[0]).resolve().parent)
    threading.setprofile(note)
    sys.setprofile(note)
    status = 0
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    imported = {name for file in [*modules, words[0]] if (name := _name(file))}
    ran = {name for file in called if (name := _name(file))}
    Path(out).write_text(json.dumps({"imported": sorted(imported), "ran": sorted(ran)}, indent=1), encoding="utf-8")
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
