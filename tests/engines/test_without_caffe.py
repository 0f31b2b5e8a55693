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


# the tools in one process, which loads their libraries once
RUN = """
import json, sys
from pathlib import Path
from tests.support.checkout import run_here
print(json.dumps([vars(run_here([f"tools/{tool}.py", *words], Path(), {})) for tool, *words in json.load(sys.stdin)]))
"""


def run(python: Path, place: Path, *calls: tuple) -> list[dict]:
    """What each call, a tool with its words, ended with and printed."""
    environment = {**os.environ, "DEEPPAP_PYTHON": "1"}
    given = json.dumps([[*map(str, words)] for words in calls])
    done = subprocess.run([python, "-c", RUN], cwd=place, env=environment, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_other_engines_score_without_caffe_and_what_needs_it_says_so(python, copy_of, trained_fold, phantom):
    place, fold = copy_of(trained_fold, "scores*", "view_scores*")
    image = next(phantom.glob("*/*.BMP"))
    shutil.copytree(phantom.parent, place / "set", dirs_exist_ok=True)
    scored = run(
        python,
        place,
        ("evaluate", "--net", fold),
        ("classify", image, "--centre", "40,40", "--views", "1", "--net", fold),
        ("screen", image, "--mpp", 0.201, "--training-mpp", 0.201, "--views", 1, "--out", "screened", "--net", fold),
    )
    assert [one["returncode"] for one in scored] == [0, 0, 0], scored
    assert list(fold.glob("scores-*.csv")) and (place / "screened/cells.csv").exists()
    from_python = "import sys; from deeppap.scoring.trained_model import TrainedModel; "
    from_python += "print(TrainedModel.open(sys.argv[1]).score(sys.argv[2], [(40, 40)], 1)[0].score)"
    done = subprocess.run([python, "-c", from_python, fold, image], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0 and f"{float(done.stdout):.3f}" in scored[1]["stdout"], done.stderr
    (fold / "model.json").unlink()
    refused = run(
        python, place, ("evaluate", "--net", fold, "--engine=caffe"), ("train", "--net", fold, "--from-scratch")
    )
    for one in refused:
        assert one["returncode"] == 2 and "make caffe" in one["stderr"] and one["stderr"].strip().count("\n") == 0, one
