"""`caffe time` is told whether it may round to TF32, whatever the process that starts it was told."""

import os

import pytest

from deeppap.training import caffe_time as module

PROGRAM = """#!/bin/sh
env > "$0.env"
echo "Average Forward pass: 1.5 ms" >&2
echo "Average Forward-Backward: 4.25 ms" >&2
"""


@pytest.mark.parametrize(("tf32", "there", "gone"), [
    (True, "CAFFE_TF32=1", "NVIDIA_TF32_OVERRIDE"),
    (False, "NVIDIA_TF32_OVERRIDE=0", "CAFFE_TF32"),
])  # fmt: skip
@pytest.mark.parametrize("own", [{"NVIDIA_TF32_OVERRIDE": "0"}, {"CAFFE_TF32": "1"}])
def test_tf32_is_switched_for_the_program_alone(tmp_path, monkeypatch, tf32, there, gone, own):
    program = tmp_path / "caffe"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setattr(module, "caffe_program", lambda: program)
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"], **own})
    assert module.caffe_time(tmp_path / "net.prototxt", 1, [], tf32) == (1.5, 4.25)
    environment = (tmp_path / "caffe.env").read_text().splitlines()
    assert there in environment
    assert not [line for line in environment if line.startswith(gone)]
