"""python -m benchmarks.gpu.score_crops DEPLOY MODEL GPU|none CROPS OUT.npy: probabilities of seeded random crops."""

import sys
from pathlib import Path

import numpy as np

from benchmarks.timing_nets import INPUT
from engines.caffe_engine import CaffeScorer


def score_crops(deploy: str, model: str, where: str, crops: str, out: str) -> None:
    """Score seeded crops in this process and keep their probabilities."""
    scorer = CaffeScorer(Path(deploy), Path(model), None if where == "none" else int(where))
    rng = np.random.default_rng(1)
    parts = [scorer(rng.uniform(-120, 130, (min(50, int(crops) - i), *INPUT)).astype(np.float32))
             for i in range(0, int(crops), 50)]  # fmt: skip
    np.save(out, np.concatenate(parts))


if __name__ == "__main__":
    score_crops(*sys.argv[1:])
