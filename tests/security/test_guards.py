"""Guards that would be missed only when it is too late: each of these fails when its guard is switched off."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from deeppap.training.snapshots import PRUNING
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import ROOT
from tests.support.waiting import wait_until

PARENT = """
import sys
from pathlib import Path
from deeppap.training import run_caffe
run_caffe.caffe_program = lambda: sys.argv[1]
class Schedule: max_iter = 1
run_caffe.train([], Schedule, 0, Path(sys.argv[2]))
"""
CHILD = """#!/bin/sh
trap 'touch "$0.asked"; exit 0' INT
echo $$ > "$0.pid"
while :; do sleep 0.1; done
"""


def test_caffe_is_asked_to_stop_if_its_parent_is_killed(tmp_path):
    """It would go on for days, and hold the fold."""
    program = tmp_path / "caffe"
    program.write_text(CHILD)
    program.chmod(0o755)
    words = [sys.executable, "-c", PARENT, program, tmp_path / "log"]
    parent = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = Path(f"{program}.pid")
    wait_until(lambda: pid.exists() and pid.read_text().strip(), "the child")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    try:
        wait_until(Path(f"{program}.asked").exists, "the child to be asked", 60)
    finally:
        if Path(f"/proc/{pid.read_text().strip()}").exists():
            time.sleep(0.3)
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)


def test_snapshots_that_a_kill_left_are_removed_at_the_next_start(copy_of, trained_fold, source_weights):
    """Killed after the net was selected and before the others were removed; without that mark they are kept."""
    _, fold = copy_of(trained_fold)
    selected = set((fold / "snapshots").iterdir())
    others = [fold / "snapshots" / f"convnet_t_iter_3.{kind}" for kind in ("caffemodel", "solverstate")]
    for path in others:
        path.write_bytes(b"spent")
    train_fold(fold, TrainOptions(source_weights), lambda _: None)
    assert all(path.exists() for path in others)
    (fold / "snapshots" / PRUNING).touch()
    train_fold(fold, TrainOptions(source_weights), lambda _: None)
    assert set((fold / "snapshots").iterdir()) == selected
