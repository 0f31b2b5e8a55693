"""Running the tools as a user does, in a folder of the test's own."""

import os
import subprocess
from pathlib import Path

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
    place: Path, tool: str, *words: object, herlev: Path | None = None, status: int = 0
) -> subprocess.CompletedProcess:
    """Run tools/<tool>.py in `place`, require its exit status, and return what it printed."""
    command = [f"tools/{tool}.py", *map(str, words)]
    done = subprocess.run(command, cwd=place, env=tool_environment(herlev), capture_output=True, text=True)
    assert done.returncode == status, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done
