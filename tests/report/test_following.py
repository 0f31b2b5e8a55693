"""What a report advises instead of handing on nets that it doubts."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as changed

from deeppap.records import BlendRecord, ExternalRecord, NetRecord
from deeppap.report.following import instead_of_release
from deeppap.scoring.results import load_run
from deeppap.stats.evidence_of_learning import NO_EVIDENCE, OVER_CONFIDENT
from tests.support.synthetic_run import recipe, write_synthetic_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("following") / "run"
    return load_run(write_synthetic_run(folder, protocol="field", dataset="herlev", shift=False, cells=140))


def with_record(run, **changes):
    return replace(run, record=changed(run.record, **changes))


def with_folds(run, **changes):
    return replace(run, folds=tuple(replace(fold, **changes) for fold in run.folds))


def doubted(run, doubt):
    first, *others = run.folds
    return replace(run, folds=(replace(first, made={0: changed(first.made[0], doubt=doubt)}), *others))


def external(run, marked):
    nets = [NetRecord(folder="runs/one/fold0", weights_sha="1" * 64, fold_sha="2" * 64)]
    parts = {"trained_on": "herlev", "source": None, "training_um": 0.2, "out_of_distribution": marked}
    return with_record(run, external=ExternalRecord(nets=nets, **parts), protocol="external")


def test_a_good_net_is_handed_on(run):
    assert instead_of_release(run) is None
    assert instead_of_release(external(run, 3)) is None


def test_a_doubted_net_is_not(run):
    cells, kept = run.record.dataset, changed(run.folds[0].model, blend=BlendRecord(share=0.0))
    told = {
        "tools/train.py --net": with_folds(run, begun=recipe(), model=None),
        "tools/compare.py": with_record(run, control="shuffle"),
        "tools/train.py --data": with_record(run, dataset=changed(cells, phantom=True)),
        "tools/cross_validate.py": replace(run, folds=()),
        "label more cells": with_folds(run, model=kept),
        "label cells": doubted(run, f"{NO_EVIDENCE}: its loss"),
        "tools/validate.py": doubted(run, f"{OVER_CONFIDENT}: its loss"),
        "tools/train.py --from runs/one/fold0 --data data/herlev": external(run, 15),
    }
    for words, one in told.items():
        assert instead_of_release(one).startswith(words), words


def test_scores_that_say_little_are_no_reason_to_hand_a_net_on(run):
    chance = with_folds(run, scores=np.resize([0.2, 0.8, 0.5], len(run.folds[0].ids)))
    assert "chance" in instead_of_release(chance)
    few = replace(
        run, folds=tuple(replace(f, ids=f.ids[:4], labels=f.labels[:4], scores=f.scores[:4]) for f in run.folds)
    )
    assert "too few" in instead_of_release(few)
