"""The session for a machine with a GPU, rehearsed on the CPU, and its bundle, unpacked to the byte."""

import json
import os
import subprocess
import sys
import tarfile
from functools import partial

import pytest

from benchmarks.gpu.bundle import Contents, make_bundle, pack_files, require_small
from benchmarks.gpu.gtest import OUT_OF_TIME, _gtest_figures, gtest_step
from benchmarks.gpu.images import pack_images, unpack_images
from benchmarks.gpu.report import markdown
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT, run_tool

PASSED = """[ RUN      ] NetTest/0.TestA
[       OK ] NetTest/0.TestA (1 ms)
[ RUN      ] NetTest/1.TestB
[  FAILED  ] NetTest/1.TestB, where TypeParam = caffe::GPUDevice<float> (3 ms)
[  PASSED  ] 1 test.
[  FAILED  ] NetTest/1.TestB, where TypeParam = caffe::GPUDevice<float>
"""
ENDED = "[ RUN      ] BlobTest.TestC\nCheck failed: error == cudaSuccess\n"


def test_images_come_back_to_the_byte(phantom, tmp_path):
    masks = set(phantom.glob("*/*-d.bmp"))
    images = sorted(set(phantom.glob("*/*.BMP")) - masks)[:5]
    pack_images(images, phantom, tmp_path / "images.tar")
    assert (tmp_path / "images.tar").stat().st_size < sum(image.stat().st_size for image in images)
    assert unpack_images(tmp_path / "images.tar", tmp_path / "back") == 5
    for image in images:
        assert (tmp_path / "back" / image.relative_to(phantom)).read_bytes() == image.read_bytes()


def test_a_bundle_holds_the_project_and_the_data(checkout, phantom, tmp_path):
    out = tmp_path / "bundle"
    printed = run_tool(checkout, "gpu_bundle", "--data", phantom, "--packages", "", "--out", out).stdout
    assert {path.name for path in out.iterdir()} == {"project.tar.xz", "gpu_session.sh", "masks.tar.xz", "images.tar"}
    assert "in all: " in printed
    with tarfile.open(out / "project.tar.xz") as archive:
        assert {"README.md", "tools/gpu_session.py", "engines/net_probe_main.py"} <= set(archive.getnames())
    # as tools/gpu_session.sh unpacks them
    command = [sys.executable, "-m", "benchmarks.gpu.images", out / "images.tar", tmp_path / "back"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "40 images\n"
    line = run_tool(checkout, "gpu_bundle", "--out", out, status=2).stderr
    assert "expected no folder of that name" in line


def test_an_image_that_would_change_is_refused(phantom, tmp_path):
    mask = next(phantom.glob("*/*-d.bmp"))
    odd = tmp_path / "odd.BMP"
    odd.write_bytes(mask.read_bytes()[:-3])
    with pytest.raises(UserError, match="a plain BMP of 24 bits"):
        pack_images([odd], tmp_path, tmp_path / "images.tar")
    assert not (tmp_path / "images.tar").exists()


def test_a_bundle_above_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu.bundle.LIMIT", 1000)
    pack_files([(ROOT / "requirements.txt", "requirements.txt")], tmp_path / "project.tar.xz")
    assert "project.tar.xz" in require_small(tmp_path)
    (tmp_path / "large").write_bytes(bytes(1001))
    with pytest.raises(UserError, match="at most"):
        require_small(tmp_path)


def test_what_gtest_prints_is_counted():
    figures = _gtest_figures([PASSED, ENDED, f"{ENDED}{OUT_OF_TIME}"])
    assert figures["passed"] == 1
    assert figures["failed"] == ["NetTest/1.TestB"]
    assert [end["in"] for end in figures["ended_early"]] == ["BlobTest.TestC"]
    assert figures["out_of_time"] == 1
    text = markdown({"gtest": {**figures, "seconds": 3.0}})
    assert "1 passed, 1 failed, in 3 s." in text and "1 processes had no time to finish" in text


def test_test_processes_run_beside_each_other_and_are_stopped(tmp_path):
    program = tmp_path / "tests"
    program.write_text(
        '#!/bin/sh\n[ "$GTEST_SHARD_INDEX" = 0 ] && exec sleep 60\n'
        'printf "[       OK ] A.B (1 ms)\\n[  PASSED  ] 1\\n"\n'
    )
    program.chmod(0o755)
    figures = gtest_step(program, tmp_path, "*", 2, limit=0.5)
    assert figures["passed"] == 1
    assert figures["out_of_time"] == 1 and not figures["ended_early"]
    assert figures["seconds"] < 30


def test_the_bundle_is_unpacked_in_a_folder_with_a_blank(tmp_path):
    """By the shell script itself; a stand-in for Caffe's program says what it was started with."""
    bundle, work = tmp_path / "a bundle", tmp_path / "a folder"
    make_bundle(bundle, Contents(packages=()))
    program = tmp_path / "caffe"
    program.write_text('#!/bin/sh\necho started with "$@"\n')
    program.chmod(0o755)
    pack_files([(program, "caffe/bin/caffe"), (program, "caffe/lib/libcaffe.so")], bundle / "caffe.tar.xz")
    environment = {**os.environ, "WORK": str(work), "PYTHON": sys.executable, "CAFFE_BUILD": "cuda"}
    run = partial(subprocess.run, capture_output=True, text=True, check=True, env=environment)
    assert "usage: gpu_session.py" in run(["sh", bundle / "gpu_session.sh", "--help"]).stdout
    assert run([work / ".venv/bin/caffe", "train", "a b"]).stdout == "started with train a b\n"


@pytest.mark.slow
def test_the_session_rehearsed_on_the_cpu(checkout, phantom, source_weights, tmp_path):
    words = ["--out", tmp_path, "--gpu", "none", "--data", phantom, "--weights", source_weights]
    small = [
        "--batches",
        "1",
        "--modes",
        "native",
        "--iterations",
        "1",
        "--crops-agree",
        "2",
        "--cells",
        "1",
        "--views",
        "1",
    ]
    run_tool(checkout, "gpu_session", *words, *small, "device", "agree", "time", "score")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["agree"]["again"] == 0  # the same net twice on the same processor
    assert figures["time"][0]["forward_ms"] > 0
    assert figures["score"]["seconds_a_cell_views"] > 0
    text = (tmp_path / "figures.md").read_text()
    assert text == markdown(figures)
    assert "| native | 1 |" in text


def test_a_bundle_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.gpu.bundle.LIMIT", 1000)
    with pytest.raises(UserError, match="at most"):
        make_bundle(tmp_path / "bundle", Contents(packages=()))
    assert not list(tmp_path.iterdir())
