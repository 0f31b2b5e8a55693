"""Folds on a cluster give the bytes of folds on one machine."""

import pytest

from tests.support.checkout import make_checkout, run_tool

pytest.importorskip("distributed", reason="no dask.distributed here: make cluster")


@pytest.mark.slow
def test_folds_on_workers_are_the_same_folds(tmp_path, phantom):
    words = ("--data", phantom, "--profile", "smallest", "--folds", "0,1", "--from-scratch", "--gpu", "none")
    found = []
    for name, more in (("plain", ()), ("cluster", ("--cluster", "local"))):
        place = make_checkout(tmp_path / name)
        run_tool(place, "cross_validate", *words, "--run", "run", *more)
        found.append([(place / f"runs/run/fold{k}/view_scores.csv").read_bytes() for k in (0, 1)])
    assert found[0] == found[1]
