"""`make test` runs where no extra is installed: without make engines, slides and cluster its tests skip."""

import re
import subprocess
import sys

from tests.support.checkout import ROOT

WITHOUT_THEM = """
import sys
from importlib.metadata import packages_distributions

import pytest

for module, distributions in packages_distributions().items():
    if set(distributions) & set(sys.argv[1:]):
        sys.modules[module] = None  # importing it fails, and find_spec does not find it
sys.exit(pytest.main(["--collect-only", "tests"]))
"""


def test_every_test_is_collected_without_the_extras():
    files = [ROOT / f"requirements-{extra}.txt" for extra in ("engines", "slides", "cluster")]
    extras = re.findall(r"^([\w-]+)==", "\n".join(path.read_text() for path in files), re.MULTILINE)
    assert {"onnx", "pyarrow", "dask"} <= set(extras)
    done = subprocess.run([sys.executable, "-c", WITHOUT_THEM, *extras], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
