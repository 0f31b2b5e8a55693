"""What a tool loads before it begins: scikit-learn alone takes longer than all the rest."""

import subprocess
import sys

import pytest

from deeppap.io.caffe_messages import ROOT

HEAVY = ("sklearn", "scipy.stats", "pandas", "matplotlib", "skimage.transform")
LOADS = {
    "build_lmdb": ("deeppap.records.run_folder", "data_prep.prepare"),
    "train": ("deeppap.engines.device", "deeppap.training.source", "deeppap.training.train_fold", "caffe"),
    "classify": ("deeppap.engines.device", "deeppap.scoring.open_nets", "deeppap.scoring.classify", "caffe"),
}


@pytest.mark.parametrize("tool", LOADS)
def test_a_tool_loads_nothing_heavy_that_it_may_not_need(tool):
    code = f"import sys, {', '.join(LOADS[tool])}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
