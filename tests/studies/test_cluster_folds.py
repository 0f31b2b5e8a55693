"""A fold on a cluster gives the bytes of a fold on one machine."""

import pytest

from tests.support.checkout import make_checkout, run_tool

pytest.importorskip("distributed", reason="make cluster")


@pytest.mark.slow
def test_a_fold_on_a_worker_is_the_same_fold(tmp_path, phantom, source_weights, evaluated_fold, quick_reports):
    place = make_checkout(tmp_path / "place")
    words = ("--data", phantom, "--profile", "smallest", "--folds", "0", "--weights", source_weights, "--gpu", "none")
    printed = run_tool(place, "cross_validate", *words, "--run", "run", "--cluster", "local", "--workers", 1).stdout
    assert "-- fold 0\n" in printed
    for name in ("scores.csv", "view_scores.csv"):
        assert (place / "runs/run/fold0" / name).read_bytes() == (evaluated_fold / name).read_bytes()
    assert not list((place / "runs/run").glob(".driver-*"))
