"""What a tool loads before it begins: scikit-learn alone takes longer than all the rest."""

import subprocess
import sys

import pytest

from common.caffe_messages import ROOT

HEAVY = ("sklearn", "scipy.stats", "pandas", "matplotlib", "skimage.transform")
LOADS = {
    "build_lmdb": "common.current_fold, data_prep.prepare",
    "train": "common.current_fold, engines.device, measures.learned, training.start, training.train_fold, caffe",
    "classify": "engines.device, measures.learned, scoring.average, scoring.open_nets, scoring.own_cells, caffe",
}


@pytest.mark.parametrize("tool", LOADS)
def test_a_tool_loads_nothing_heavy_that_it_may_not_need(tool):
    code = f"import sys, {LOADS[tool]}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
