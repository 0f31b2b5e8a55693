"""Label, nuclei, manifest and score files under random damage: a value or one line, in bounded time and memory."""

import json
import os
import secrets
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT
from tests.support.fuzz_text import KINDS

COUNT = int(os.environ.get("TEXT_MUTATIONS", "150"))
SEED = secrets.randbelow(10**9) if "TEXT_MUTATIONS" in os.environ else 1  # `make fuzz` tries something new


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(kind):
    words = [sys.executable, "-m", "tests.support.fuzz_text", kind, str(COUNT), str(SEED)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    print(kind, SEED, found)
    assert found["read"] + found["refused"] == COUNT and found["refused"] > COUNT / 5
    assert found["slowest"] < 30 and found["megabytes"] < 2000
