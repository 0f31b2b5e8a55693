"""Each benchmark runs at its smallest size and prints its figures; how fast anything is, `make bench` tells."""

import re
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT

SCRIPTS = {  # by name, figures that it must print, with their units
    "forward": ["forward of 2, cv2.dnn over Caffe", "cv2.dnn and Caffe, largest difference"],
    "score": ["caffe float32 over its bare net", "caffe float32, a cell of 1000 crops"],
    "screen": ["caffe float32, 1 x 1, plain: score", "caffe float32, 1 x 1, 1 worker(s)"],
}


def figures(name: str, folder) -> dict[str, float]:
    """Run a benchmark; its figures by name."""
    command = [sys.executable, ROOT / f"benchmarks/{name}.py", "--smallest", "--rounds", "1", "--folder", folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(.{64,}?) +([\d.,e-]+) [^\d]*(?:\(.*)?$", done.stdout, re.MULTILINE)
    return {row[0].strip(): float(row[1].replace(",", "")) for row in rows}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where all benchmarks work one after another, as in `make bench`."""
    return tmp_path_factory.mktemp("bench")


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_prints_its_figures(name, folder):
    found = figures(name, folder)
    assert all(any(wanted in one for one in found) for wanted in SCRIPTS[name]), found
    for one, value in found.items():
        if "% longer" in one or "over plain" in one or "bfloat16 and Caffe" in one:
            continue  # either may be faster at so small a size; bfloat16 is far less exact
        if "largest difference" in one:
            assert value < 1e-5
        else:
            assert value > 0, one


def test_every_benchmark_is_tested():
    assert {path.stem for path in ROOT.glob("benchmarks/*.py")} == {*SCRIPTS, "rounds"}
