"""Training as many folds as the time allows; a later call goes on where this one stopped."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from common.caffe_messages import read_prototxt
from common.run_folder import RUNS
from training.resolve import data_layer

SPEED = re.compile(r"Iteration (\d+) \(([\d.]+) iter/s")
ROOT = Path(__file__).parent.parent


def train_step(run: str, words: Sequence[str], limit: float) -> dict:
    """Run tools/cross_validate.py for at most `limit` seconds; it is asked to stop as by Ctrl-C."""
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "tools/cross_validate.py", "--run", run, *words], cwd=ROOT)
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        status = process.wait()
    folds = [_fold(folder) for folder in sorted((ROOT / RUNS / run).glob("fold*")) if (folder / "train.log").exists()]
    return {"run": run, "status": status, "seconds": time.monotonic() - start, "folds": folds}


def _fold(folder: Path) -> dict:
    speeds = SPEED.findall((folder / "train.log").read_text(errors="replace"))
    batch = data_layer(read_prototxt(folder / "train_val.prototxt", "NetParameter"), 0).data_param.batch_size
    rates = [float(rate) for _, rate in speeds[1:]]
    return {
        "fold": folder.name,
        "iteration": int(speeds[-1][0]) if speeds else 0,
        "images_a_second": median(rates) * batch if rates else None,
        "trained": (folder / "model.json").exists(),
        "scored": (folder / "scores.csv").exists(),
    }
