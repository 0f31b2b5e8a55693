"""What the CUDA build asks of nvcc and NVIDIA's libraries, with a toolkit made of scripts; nothing is compiled."""

import os
import subprocess

import pytest

from tests.support.checkout import ROOT

HERE = ROOT / "third_party/caffe"
NVCC = """#!/bin/sh
case "$1" in
  --list-gpu-code) printf 'sm_52\\nsm_75\\nsm_80\\nsm_90\\nsm_120\\n' ;;
  --version) printf 'Cuda compilation tools, release {release}, V{release}.1\\nBuild x\\n' ;;
  --dryrun) echo '#$ TOP={top}/bin/..' >&2 ;;
esac
"""


@pytest.fixture
def toolkit(tmp_path):
    """A toolkit of a given version with headers of given names."""

    def make(release: str = "13.0", headers: tuple = ("cublas_v2.h", "curand.h", "cudnn.h", "nccl.h")):
        top = tmp_path / "cuda"
        for folder in ("bin", "include", "lib64"):
            (top / folder).mkdir(parents=True)
        for name in headers:
            (top / "include" / name).write_text("")
        (top / "include/cudnn_version.h").write_text("#define CUDNN_MAJOR 9\n")
        (top / "lib64/libcublas.so.13").write_text("")
        (top / "bin/nvcc").write_text(NVCC.format(release=release, top=top))
        (top / "bin/nvcc").chmod(0o755)
        return top

    return make


def ask(top, command: str, **more: str) -> subprocess.CompletedProcess:
    """Run a command with the options of the CUDA build read."""
    cleared = {k: v for k, v in os.environ.items() if k not in ("CUDA_ARCH", "CUDNN", "NCCL", "OPENCV", "CUDA_HOME")}
    script = f". {HERE}/common.sh; . {HERE}/options_cuda.sh; toolkit=$(cuda_toolkit); {command}"
    environment = {**cleared, "CUDA_HOME": str(top), **more}
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)


def test_architectures_are_those_of_nvcc_or_those_given(toolkit):
    """Without CUDA_ARCH: the usual cards that this nvcc knows, and PTX of the newest for later ones."""
    top = toolkit()
    assert ask(top, 'echo "$(architectures) + $(ptx)"').stdout == "75 80 90 + 90\n"
    assert ask(top, 'echo "$(architectures) + $(ptx)"', CUDA_ARCH="86 120").stdout == "86 120 + \n"


def test_parts_can_be_left_out(toolkit):
    done = ask(toolkit(), 'prepare_variant; printf "%s\n" "${options[@]}"', CUDNN="0", NCCL="0")
    options = {"-DUSE_CUDNN=OFF", "-DUSE_NCCL=OFF", "-DUSE_OPENCV=ON", "-DCUDA_ARCH_BIN=75 80 90", "-DCUDA_ARCH_PTX=90"}
    assert options <= set(done.stdout.splitlines()), done.stderr


def test_nothing_is_installed_where_the_toolkit_is_complete(toolkit):
    done = ask(toolkit(), "prepare_variant; echo $variant_facts")
    assert done.returncode == 0 and "installing" not in done.stderr
    assert "release 13.0" in done.stdout and "CUDNN_MAJOR 9" in done.stdout


@pytest.mark.parametrize(("release", "named"), [("11.8", "expected CUDA 12 or 13, found 11"), (None, "expected nvcc")])
def test_a_toolkit_that_cannot_be_used_is_named(toolkit, tmp_path, release, named):
    done = ask(toolkit(release) if release else tmp_path / "nowhere", "prepare_variant")
    assert done.returncode == 1
    assert named in done.stderr and done.stderr.count("\n") == 1
