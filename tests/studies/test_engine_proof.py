"""How far an engine's scores lie from Caffe's, and when that is too far."""

import json

import pytest

from deeppap.studies.engine_proof import agreement
from tests.support.checkout import run_tool

LABELS = [0, 0, 1, 1]
CAFFE = [0.1, 0.499, 0.501, 0.9]


def test_differences_decisions_and_auc():
    found = agreement("openvino", "bfloat16", CAFFE, [0.1, 0.502, 0.501, 0.9], LABELS)
    assert (found.cells, found.changed) == (4, 1)
    assert (found.largest, found.mean) == (pytest.approx(0.003), pytest.approx(0.00075))
    assert found.farthest == pytest.approx(0.001)
    assert found.auc_apart == pytest.approx(-0.25)
    assert not found.holds


@pytest.mark.parametrize(
    ("precision", "scores", "holds"),
    [
        ("float32", [0.1, 0.499, 0.501, 0.900009], True),
        ("float32", [0.1, 0.499, 0.501, 0.90002], False),
        ("float32", [0.1, 0.499, 0.4999999, 0.9], False),
        ("bfloat16", [0.102, 0.498, 0.503, 0.901], True),
        ("bfloat16", [0.1, 0.499, 0.4995, 0.9], True),  # beyond 0.5 by less than its largest error
        ("bfloat16", [0.1, 0.6, 0.501, 0.9], False),
    ],
)
def test_what_holds(precision, scores, holds):
    assert agreement("openvino", precision, CAFFE, scores, LABELS).holds == holds


def test_cells_of_one_class_have_no_auc():
    assert agreement("openvino", "float32", CAFFE, CAFFE, [1, 1, 1, 1]).auc_apart == 0


@pytest.mark.slow
def test_the_tool_makes_the_scores_that_a_fold_lacks_and_no_others(copy_of, evaluated_fold):
    pytest.importorskip("onnxruntime", reason="the engines are not installed: make engines")
    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    before = (fold / "scores.csv").stat().st_mtime_ns
    words = ("--net", fold, "--only", "onnxruntime/float32")
    done = run_tool(place, "prove_engines", *words)
    assert "onnxruntime float32      8 cells: largest " in done.stdout
    assert "0 decisions changed; holds" in done.stdout
    made = fold / "scores-onnxruntime.csv"
    assert (fold / "scores.csv").stat().st_mtime_ns == before

    # once more from the files alone; and what is not as it was made is made again
    after = made.stat().st_mtime_ns
    assert run_tool(place, "prove_engines", *words).stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    assert made.stat().st_mtime_ns == after
    record = made.with_suffix(".json")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"views": 9}))
    assert run_tool(place, "prove_engines", *words).stdout.splitlines()[-1] == done.stdout.splitlines()[-1]
    assert made.stat().st_mtime_ns != after
