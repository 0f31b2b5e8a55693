"""Scoring where Caffe is not built, as `make score` sets it up: a bare environment without Caffe's module."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from deeppap.io.caffe_messages import caffe_pb2
from tests.support.checkout import ROOT


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python with this one's packages and the project, but without what makes Caffe importable."""
    pytest.importorskip("onnxruntime", reason="needs make engines")
    place = tmp_path_factory.mktemp("no_caffe")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    site = next(place.glob("lib/python*/site-packages"))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(("caffe_select", "__editable__", "__pycache__")):
            (site / package.name).symlink_to(package)
    (site / "project.pth").write_text(f"{ROOT}\n")
    messages = place / "lib/caffe/messages"
    messages.mkdir(parents=True)
    shutil.copy(caffe_pb2().__file__, messages)  # what third_party/caffe/messages.sh compiles
    return place / "bin/python"


# the tools in one process, which loads their libraries once; then the library's own call, and what needs Caffe
RUN = """
import json, sys
from pathlib import Path
from deeppap.scoring.trained_model import TrainedModel
from tests.support.checkout import run_here
calls, fold, image, refused = json.load(sys.stdin)
def ran(calls):
    return [vars(run_here([f"tools/{tool}.py", *words], Path(), {})) for tool, *words in calls]
scored, score = ran(calls), TrainedModel.open(fold).score(image, [(40, 40)], 1)[0].score
(Path(fold) / "model.json").unlink()
print(json.dumps([scored, score, ran(refused)]))
"""


def test_other_engines_score_without_caffe_and_what_needs_it_says_so(python, copy_of, trained_fold, phantom):
    place, fold = copy_of(trained_fold, "scores*", "view_scores*")
    fold, image = str(fold), str(next(phantom.glob("*/*.BMP")))
    shutil.copytree(phantom.parent, place / "set", dirs_exist_ok=True)
    size = ["--mpp", "0.201", "--training-mpp", "0.201"]
    calls = [
        ["evaluate", "--net", fold],
        ["classify", image, "--centre", "40,40", "--views", "1", "--net", fold],
        ["screen", image, *size, "--views", "1", "--out", "screened", "--net", fold],
    ]
    needing_caffe = [["evaluate", "--net", fold, "--engine=caffe"], ["train", "--net", fold, "--from-scratch"]]
    environment, given = {**os.environ, "DEEPPAP_PYTHON": "1"}, json.dumps([calls, fold, image, needing_caffe])
    done = subprocess.run([python, "-c", RUN], cwd=place, env=environment, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    scored, score, refused = json.loads(done.stdout)
    assert [one["returncode"] for one in scored] == [0, 0, 0], scored
    assert list(Path(fold).glob("scores-*.csv")) and (place / "screened/cells.csv").exists()
    assert f"{score:.3f}" in scored[1]["stdout"]
    for one in refused:
        assert one["returncode"] == 2 and "make caffe" in one["stderr"] and one["stderr"].strip().count("\n") == 0, one
