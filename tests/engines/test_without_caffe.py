"""Scoring where Caffe is not built, as `make score` sets it up: a bare environment without Caffe's module."""

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


def run(python: Path, place: Path, tool: str, *words: object) -> subprocess.CompletedProcess:
    environment = {**os.environ, "DEEPPAP_PYTHON": "1"}
    command = [python, f"tools/{tool}.py", *map(str, words)]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("tool", ["evaluate", "classify", "screen"])
def test_other_engines_score_without_caffe(python, copy_of, trained_fold, phantom, tool):
    place, fold = copy_of(trained_fold, "scores*", "view_scores*")
    image = next(phantom.glob("*/*.BMP"))
    shutil.copytree(phantom.parent, place / "set", dirs_exist_ok=True)
    words = {
        "evaluate": (),
        "classify": (image, "--centre", "40,40", "--views", "1"),
        "screen": (image, "--mpp", "0.201", "--training-mpp", "0.201", "--views", "1", "--out", "screened"),
    }[tool]
    done = run(python, place, tool, *words, "--net", fold)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("tool", "option"), [("evaluate", "--engine=caffe"), ("train", "--from-scratch")])
def test_what_needs_caffe_says_so_in_one_line(python, copy_of, trained_fold, tool, option):
    place, fold = copy_of(trained_fold, "scores*", "view_scores*", "model.json")
    done = run(python, place, tool, "--net", fold, option)
    assert done.returncode == 2
    assert "make caffe" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
