"""What `make run` starts, with scripts in the place of the tools that it calls."""

import os
import shutil
import subprocess

import pytest

from tests.support.checkout import ROOT

REFERENCE = "models/bvlc_reference_caffenet/bvlc_reference_caffenet.caffemodel"


@pytest.fixture
def quick_start(tmp_path):
    """Run the script with a download of a given exit status: its own exit status, and what was trained how."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/quick_start.sh", tmp_path / "tools")

    def run(download: int, **environment: str) -> tuple[int, str]:
        for name, script in (("download_weights", f"exit {download}"), ("cross_validate", 'echo "$@" >trained')):
            tool = tmp_path / f"tools/{name}.py"
            tool.write_text(f"#!/bin/sh\n{script}\n")
            tool.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        command = ["bash", tmp_path / "tools/quick_start.sh"]
        done = subprocess.run(command, env={**kept, "HERLEV": "cells", **environment}, capture_output=True)
        trained = tmp_path / "trained"
        return done.returncode, trained.read_text().strip() if trained.exists() else ""

    return run


def test_downloaded_weights_are_trained_from(quick_start):
    assert quick_start(0) == (0, f"--data cells --profile quick --folds 0 --weights {REFERENCE}")


@pytest.mark.parametrize("refused", [1, 2])
def test_weights_that_cannot_be_had_mean_random_values(quick_start, refused):
    assert quick_start(refused) == (0, "--data cells --profile quick --folds 0 --from-scratch")


@pytest.mark.parametrize("interrupted", [130, 137, 143])
def test_an_interrupted_download_starts_no_training(quick_start, interrupted):
    assert quick_start(interrupted) == (interrupted, "")


def test_offline_nothing_is_fetched_and_given_weights_are_taken(quick_start):
    assert quick_start(143, OFFLINE="1")[1].endswith("--from-scratch")
    assert quick_start(143, WEIGHTS="w.caffemodel")[1].endswith("--weights w.caffemodel")


def test_weights_that_are_here_are_not_fetched(quick_start, tmp_path):
    (tmp_path / REFERENCE).parent.mkdir(parents=True)
    (tmp_path / REFERENCE).touch()
    assert quick_start(143)[1].endswith(f"--weights {REFERENCE}")


def test_weights_and_cells_are_found_where_the_tools_find_them(quick_start, tmp_path):
    (tmp_path / "bvlc_reference_caffenet.caffemodel").touch()
    (tmp_path / "data/herlev").mkdir(parents=True)
    expected = "--data data/herlev --profile quick --folds 0 --weights bvlc_reference_caffenet.caffemodel"
    assert quick_start(143, HERLEV="") == (0, expected)


@pytest.mark.parametrize("script", ["quick_start", "quick_screen"])
def test_help_tells_and_starts_nothing(tmp_path, script):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / f"tools/{script}.sh", tmp_path / "tools")
    done = subprocess.run(["bash", tmp_path / f"tools/{script}.sh", "--help"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout.count("\n") > 3 and not done.stderr
    assert "`make " in done.stdout and "pipefail" not in done.stdout
