"""A user's machine is not to tell anybody that it scored a cell."""

import importlib.util
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT

if importlib.util.find_spec("openvino") is None:
    pytest.skip("the engines are not installed: make engines", allow_module_level=True)

SCRIPT = """
import multiprocessing, sys
started = []
multiprocessing.Process.start = started.append
from deeppap.engines.available import has_bfloat16
has_bfloat16()
assert "openvino" in sys.modules
assert not started
assert [name for name, module in sys.modules.items() if "openvino_telemetry" in name and module] == []
"""


def test_openvino_sends_no_telemetry(tmp_path):
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []  # it would keep a user's number in the home folder
