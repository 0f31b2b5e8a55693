"""What a session on a machine with a GPU measures; every step stands alone, ends in minutes and returns its figures."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.timing_nets import INPUT, timing_net
from common.errors import UserError
from common.provenance import environment
from engines.device import card_names, gpu_arguments
from training.caffe_time import caffe_time

SHARDS_AT_ONCE = 4  # processes of Caffe's tests that share a card
TFLOP_1000_CROPS = 1.35  # ConvNet-T: 0.675 GMAC a crop, forward
MODES = {"native": (True, "0"), "cuDNN": (False, "0"), "cuDNN TF32": (False, "1")}
SCORE = "from benchmarks.gpu.steps import score_to_file; import sys; score_to_file(*sys.argv[1:])"


def device_step(gpu: str | None) -> dict:
    """The card, its driver, and the versions of everything."""
    import caffe_select

    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        driver = []
    return {"cards": card_names(), "driver": driver, "caffe": caffe_select.describe(), **environment()}


def gtest_step(binary: Path, data: Path, choice: str, shards: int, limit: float) -> dict:
    """Caffe's own tests, in `shards` processes, a few at a time: how many passed and which did not.

    A test that ends its process takes the rest of its shard with it, so many small shards lose little.
    """
    if not binary.exists():
        raise UserError(binary, "Caffe's test program", "none", "Give it with --gtest.")
    start = time.monotonic()

    def shard(number: int) -> str:
        environment = {"GTEST_TOTAL_SHARDS": str(shards), "GTEST_SHARD_INDEX": str(number), "GLOG_minloglevel": "2"}
        command, left = [binary, f"--gtest_filter={choice}"], start + limit - time.monotonic()
        with subprocess.Popen(
            command,
            cwd=data,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                return process.communicate(timeout=max(0.1, left))[0]
            except subprocess.TimeoutExpired:
                process.kill()
                return process.communicate()[0] + "\nout of time\n"

    with ThreadPoolExecutor(SHARDS_AT_ONCE) as pool:
        outputs = list(pool.map(shard, range(shards)))
    return {**_gtest_figures(outputs), "seconds": time.monotonic() - start}


def _gtest_figures(outputs: Sequence[str]) -> dict:
    """Counts of what ran; a shard that ended early leaves the test it was in."""
    ok, failed, broken = 0, [], []
    for output in outputs:
        ok += len(re.findall(r"^\[       OK \]", output, re.M))
        failed += re.findall(r"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)", output, re.M)
        if "[  PASSED  ]" not in output:
            begun = re.findall(r"^\[ RUN      \] (\S+)", output, re.M)
            broken.append({"in": begun[-1] if begun else None, "end": output.strip().splitlines()[-1:]})
    return {"passed": ok, "failed": sorted(failed), "ended_early": broken}


def time_step(folder: Path, batches: Sequence[int], iterations: int, gpu: str | None, modes: Sequence[str]) -> list:
    """Forward and forward-backward of the training net by `caffe time`, for every batch and mode."""
    rows = []
    for mode in modes:
        native, tf32 = MODES[mode]
        for batch in batches:
            net = timing_net(folder / f"time_{batch}_{native}.prototxt", batch, native)
            row = {"mode": mode, "batch": batch}
            try:
                row["forward_ms"], row["both_ms"] = caffe_time(net, iterations, gpu_arguments(gpu), CAFFE_TF32=tf32)
            except RuntimeError as error:
                row["error"] = str(error)
            else:
                row["forward_images_s"] = batch / row["forward_ms"] * 1000
                row["train_images_s"] = batch / row["both_ms"] * 1000
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def agree_step(folder: Path, deploy: Path, model: Path, crops: int, gpu: str | None) -> dict:
    """Largest difference of a probability between CPU and GPU, in float32 and in TF32, over random crops."""
    cases = {"cpu": ("none", "0"), "float32": (gpu or "0", "0"), "tf32": (gpu or "0", "1")}
    cases = cases if gpu != "none" else {"cpu": ("none", "0"), "again": ("none", "0")}
    prob = {}
    for name, (where, tf32) in cases.items():
        out = folder / f"prob_{name}.npy"
        command = [sys.executable, "-c", SCORE, str(deploy), str(model), where, str(crops), str(out)]
        subprocess.run(
            command, check=True, env={**os.environ, "CAFFE_TF32": tf32, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        prob[name] = np.load(out, allow_pickle=False)
    return {"crops": crops, **{k: float(np.abs(v - prob["cpu"]).max()) for k, v in prob.items() if k != "cpu"}}


def score_to_file(deploy: str, model: str, where: str, crops: str, out: str) -> None:
    """Score seeded crops in this process and keep their probabilities."""
    from engines.caffe_engine import CaffeScorer

    scorer = CaffeScorer(Path(deploy), Path(model), None if where == "none" else int(where))
    rng = np.random.default_rng(1)
    parts = [scorer(rng.uniform(-120, 130, (min(50, int(crops) - i), *INPUT)).astype(np.float32))
             for i in range(0, int(crops), 50)]  # fmt: skip
    np.save(out, np.concatenate(parts))
