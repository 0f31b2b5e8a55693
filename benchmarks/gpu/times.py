"""Forward and backward passes by batch: Caffe's own kernels, cuDNN, and cuDNN rounding to TF32."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.timing_nets import timing_net
from engines.device import resolve
from training.caffe_time import caffe_time

MODES = {"native": (True, "0"), "cuDNN": (False, "0"), "cuDNN TF32": (False, "1")}  # (without cuDNN, CAFFE_TF32)


def time_step(folder: Path, batches: Sequence[int], iterations: int, gpu: str | None, modes: Sequence[str]) -> list:
    """Forward and forward-backward of the training net by `caffe time`, for every batch and mode."""
    rows = []
    for mode in modes:
        native, tf32 = MODES[mode]
        for batch in batches:
            net = timing_net(folder / f"time_{batch}_{native}.prototxt", batch, native)
            row = {"mode": mode, "batch": batch}
            try:
                row["forward_ms"], row["both_ms"] = caffe_time(net, iterations, resolve(gpu).arguments, CAFFE_TF32=tf32)
            except RuntimeError as error:
                row["error"] = str(error)
            else:
                row["forward_images_s"] = batch / row["forward_ms"] * 1000
                row["train_images_s"] = batch / row["both_ms"] * 1000
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows
