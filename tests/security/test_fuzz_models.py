"""What a model folder holds, damaged at random: a value or a line, never a signal, a traceback, 2 GB or 30 s."""

import os
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT
from tests.support.fuzz_models import KINDS

COUNT = os.environ.get("MODEL_MUTATIONS", "40")
SEED = os.environ.get("MODEL_SEED", "1")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_of_a_model_folder(kind, tmp_path):
    words = [sys.executable, "-m", "tests.support.fuzz_models", kind, COUNT, SEED, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words[1:])}: exit {done.returncode}\n{done.stderr[-3000:]}"
    print(done.stdout, end="")
