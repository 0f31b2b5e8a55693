"""Whether every other engine scores a fold's test cells as Caffe does: the same decisions, nearly the same scores."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from deeppap.engines.device import ENGINES, Device, has_bfloat16
from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
from deeppap.scoring.trained_model import TrainedModel
from tests.support.checkout import run_tool

OTHERS = [(engine, precision) for engine, many in ENGINES.items() if engine != "caffe" for precision in many]


@pytest.mark.parametrize(("engine", "precision"), OTHERS)
def test_an_engine_scores_as_caffe_does(engine, precision, evaluated_fold, copy_of, monkeypatch):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed: make engines")
    if precision == "bfloat16" and not has_bfloat16():
        pytest.skip("this processor has no bfloat16")
    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    monkeypatch.chdir(place)
    model = TrainedModel.open(fold)
    silent = {"say": lambda _: None}
    reference = evaluate_fold(model, Device(), EvaluateOptions(), **silent)
    device = Device(engine=engine, precision=precision, without_gpu=True)
    found = evaluate_fold(model, device, EvaluateOptions(), **silent)
    scores, expected = (np.array([score.score for score in each]) for each in (found, reference))
    assert len(list(Path(fold).glob(f"scores-{engine}*.csv"))) == 1
    allowed = 1e-5 if precision == "float32" else 0.01
    np.testing.assert_allclose(scores, expected, rtol=0, atol=allowed)
    changed = (scores >= 0.5) != (expected >= 0.5)
    assert np.abs(expected[changed] - 0.5).max(initial=0) <= np.abs(scores - expected).max()
    assert precision == "bfloat16" or not changed.any()


def test_an_engine_that_does_not_exist_is_one_line(checkout, evaluated_fold):
    done = run_tool(checkout, "evaluate", "--net", evaluated_fold, "--engine", "tensorrt", status=2)
    assert "--engine" in done.stderr and done.stderr.count("\n") == 1
