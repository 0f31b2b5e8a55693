"""A tool's --help waits for nothing that only its work needs."""

import subprocess
import sys

import pytest

from tests.support.checkout import ROOT

HEAVY = {"caffe", "cv2", "lmdb", "matplotlib", "numpy", "scipy", "sklearn", "torch", "google.protobuf"}
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("[!_]*.py"))


@pytest.mark.parametrize("tool", TOOLS)
def test_help_imports_nothing_heavy(tool):
    command = [sys.executable, "-X", "importtime", ROOT / "tools" / tool, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "argparse" in imported
    assert not imported & HEAVY
    assert done.stdout.startswith("usage:")


@pytest.mark.parametrize("tool", TOOLS)
def test_help_shows_the_commonest_call_first(tool):
    """After the options, before any word about them; in lines that a terminal shows whole."""
    command = [sys.executable, ROOT / "tools" / tool, "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = shown[shown.index("show this help message") :]
    epilog = after[after.index("\n\n") + 2 :].splitlines()
    assert epilog[0].startswith(f"  tools/{tool}")
    assert max(map(len, epilog)) <= 120
