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
