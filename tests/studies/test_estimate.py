"""What a cross-validation says that it will take, compared with what was built and with a count by hand."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from data_prep.fold_data import parts_of
from data_prep.folds import make_split
from data_prep.profiles import read_profile, run_profile
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import prototxt_folder, read_prototxt, training_prototxt
from deeppap.records import FoldRecord, RunRecord, SplitRecord
from deeppap.studies.estimate import (
    SHORT_STEP,
    WHOLE_STEP,
    Prepared,
    Work,
    estimate,
    forward_rate,
    source_work,
    step_cost,
    work,
)

NOWHERE = Path("no folder yet")


@pytest.fixture
def ready(dataset, built_fold):
    """What the built fold was made of."""
    run = RunRecord.read(built_fold.parent)
    return Prepared(dataset, SplitRecord.read(built_fold.parent), run, run_profile(run))


def test_views_and_bytes_are_those_of_the_built_fold(ready, built_fold):
    found, record = work(ready, 0, False, NOWHERE), FoldRecord.read(built_fold)
    assert found.views == record.train_lmdb.entries + record.val_lmdb.entries
    # there must be room for the pages of the LMDB too, but not for another one
    built = record.train_lmdb.bytes + record.val_lmdb.bytes
    assert built <= found.bytes < 1.5 * found.views * 256 * 256 * 3


def test_the_papers_counts_come_from_the_prototxt(ready):
    split = make_split(ready.dataset, "cell", 1)
    found = work(Prepared(ready.dataset, split, ready.run, read_profile("paper")), 0, False, NOWHERE)
    epochs = 30  # prototxt/solver.prototxt: max_iter over test_interval
    tested = len(split.folds[0])
    assert found.train == -(-(found.views - tested * 100) // 256) * 256 * epochs
    # three views of each training cell, by one crop, fit the out-of-distribution check
    fitted = 3 * (len(ready.dataset.cells) - tested)
    assert found.forward == tested * 100 * (epochs + 1 + 10) + fitted
    assert source_work(ready._replace(split=split, profile=read_profile("paper")), 0) == Work(0, 0, 0, tested * 1000)


def test_what_a_fold_has_already_is_not_counted(ready, built_fold, tmp_path):
    """A built fold keeps its views, a begun training its iterations, and a trained net has only to score."""
    whole = work(ready, 0, False, NOWHERE)
    fold = tmp_path / "fold0"
    shutil.copytree(built_fold, fold, ignore=shutil.ignore_patterns("model.json", "snapshots"))
    (fold / "snapshots").mkdir()
    assert work(ready, 0, False, fold) == replace(whole, views=0, bytes=0)
    for ending in ("caffemodel", "solverstate"):
        (fold / f"snapshots/convnet_t_iter_2.{ending}").touch()
    begun = work(ready, 0, False, fold)
    assert whole.train - begun.train == 2 * 16 and begun.forward <= whole.forward
    (fold / "model.json").touch()
    scored = len(ready.split.folds[0]) * ready.profile.test_views * ready.profile.crops
    assert work(ready, 0, False, fold) == Work(0, 0, 0, scored)
    (fold / "ood_reference.npz").unlink()
    trained = len(ready.dataset.cells) - len(ready.split.folds[0])
    assert work(ready, 0, False, fold) == Work(0, 0, 0, scored + trained * min(3, ready.profile.test_views))


def test_inner_cells_are_scored_for_the_thresholds_and_to_choose_the_weights(ready):
    run = structs.replace(ready.run, select="inner")
    ready = ready._replace(run=run, split=make_split(ready.dataset, "cell", 1))
    inner = len(parts_of(ready.dataset, ready.split, 0, run)["inner"])
    tested, profile = len(ready.split.folds[0]), ready.profile
    new, adapted = (work(ready, 0, adapting, NOWHERE) for adapting in (False, True))
    scored = (tested + inner) * profile.test_views * profile.crops
    scored += (len(ready.dataset.cells) - tested) * min(3, profile.test_views)  # the out-of-distribution check
    assert inner and new.forward == inner * profile.validation_views * (1 + profile.epochs) + scored
    # five nets: the source, three means and the adapted weights
    assert adapted.forward == inner * profile.validation_views * (1 + profile.adapt_epochs + 5) + scored
    assert (new.step, adapted.step) == (WHOLE_STEP, SHORT_STEP)


def test_a_step_is_short_only_where_no_convolution_learns():
    net = read_prototxt(training_prototxt(2, True)["train_val"], "NetParameter")
    assert step_cost(net) == SHORT_STEP
    next(layer for layer in net.layer if layer.name == "conv5").param[0].lr_mult = 0.1
    assert step_cost(net) == WHOLE_STEP


def test_a_net_that_caffe_refuses_has_no_rate(tmp_path):
    good, bad = prototxt_folder(2) / "deploy.prototxt", tmp_path / "deploy.prototxt"
    assert forward_rate(good, Device()) > 0
    bad.write_text(good.read_text().replace("kernel_size: 11", "kernel_size: 999"))
    assert forward_rate(bad, Device()) is None


def test_the_line_adds_the_folds_and_takes_the_measured_rate(ready, monkeypatch):
    parts = [work(ready, fold, False, NOWHERE) for fold in (0, 3)]
    monkeypatch.setattr("deeppap.studies.estimate.forward_rate", lambda *_: 2.0)
    line = estimate("2 fold(s)", parts, 2, Device())
    counts = re.findall(r"([\d,]+)(?: training and validation views to| images to| to score)", line)
    numbers = [int(word.replace(",", "")) for word in counts]
    assert numbers == [sum(getattr(part, name) for part in parts) for name in ("views", "train", "forward")]
    minutes, seconds = divmod(round((WHOLE_STEP * numbers[1] + numbers[2]) / 2), 60)
    assert f"about 0:{minutes:02d}:{seconds:02d} at the 2 forward images/s" in line
    monkeypatch.setattr("deeppap.studies.estimate.forward_rate", lambda *_: None)
    assert estimate("2 fold(s)", parts, 2, Device()).endswith("an unknown time")
