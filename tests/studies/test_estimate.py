"""What a cross-validation says that it will take, against what was built and by hand."""

import re

import pytest

from data_prep.fold_data import LMDBS, read_record
from data_prep.folds import make_split, read_split
from data_prep.prepare import run_profile
from data_prep.profiles import read_profile
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import prototxt_folder
from deeppap.records.run_folder import RunRecord, read_config
from deeppap.studies.estimate import BACKWARD, estimate, forward_rate, work


@pytest.fixture
def asked(dataset, built_fold):
    """What the built fold was made of: (data set, split, configuration, profile)."""
    run = built_fold.parent
    config = RunRecord.read(run)
    return dataset, SplitRecord.read(run), config, run_profile(config)


def test_views_and_bytes_are_those_of_the_built_fold(asked, built_fold):
    dataset, split, config, profile = asked
    found, record = work(dataset, split, 0, config, profile), read_record(built_fold)
    assert found["views"] == sum(record[name]["entries"] for name in LMDBS)
    # room for the pages of the LMDB too, but not another one's
    assert sum(record[name]["bytes"] for name in LMDBS) <= found["bytes"] < 1.5 * found["views"] * 256 * 256 * 3


def test_images_of_the_smallest_profile_by_hand(asked):
    dataset, split, config, profile = asked
    cells = dataset.by_id()
    tested = set(split.folds[0])
    train = sum(profile.train[cell.label].views for name, cell in cells.items() if name not in tested)
    found = work(dataset, split, 0, config, profile)
    assert found["train"] == -(-train // 16) * 16  # one epoch in batches of 16
    assert found["forward"] == len(tested) * (1 * 2 + 2 * 2)  # one view before and after, then 2 views of 2 crops


def test_the_papers_counts_come_from_the_prototxt(dataset):
    split = make_split(dataset, "cell", 1)
    config = RunRecord(data="d", dataset="phantom", fingerprint=split.dataset_sha)
    found = work(dataset, split, 0, config, read_profile("paper"))
    epochs = 30  # prototxt/solver.prototxt: max_iter over test_interval
    train = found["views"] - len(split.folds[0]) * 100
    assert found["train"] == -(-train // 256) * 256 * epochs
    assert found["forward"] == len(split.folds[0]) * 100 * (epochs + 1 + 10)


def test_a_rate_is_measured_by_caffe():
    assert forward_rate(prototxt_folder(2) / "deploy.prototxt", []) > 0


def test_a_net_that_caffe_refuses_has_no_rate(tmp_path):
    bad = tmp_path / "deploy.prototxt"
    text = (prototxt_folder(2) / "deploy.prototxt").read_text().replace("kernel_size: 11", "kernel_size: 999")
    bad.write_text(text)
    assert forward_rate(bad, []) is None


def test_the_line_adds_the_folds_and_takes_the_measured_rate(asked, monkeypatch):
    dataset, split, config, profile = asked
    monkeypatch.setattr("deeppap.studies.estimate.forward_rate", lambda deploy, gpu: 2.0)
    parts = [work(dataset, split, fold, config, profile) for fold in (0, 3)]
    line = estimate(dataset, split, (0, 3), config, profile, Device())
    numbers = [int(word.replace(",", "")) for word in re.findall(r"([\d,]+)(?: views to| images to| to score)", line)]
    assert line.startswith("2 fold(s) to do: ")
    assert numbers == [sum(part[key] for part in parts) for key in ("views", "train", "forward")]
    seconds = (BACKWARD * numbers[1] + numbers[2]) / 2
    minutes, rest = divmod(round(seconds), 60)
    assert f"about 0:{minutes:02d}:{rest:02d} at the 2 forward images/s" in line
    monkeypatch.setattr("deeppap.studies.estimate.forward_rate", lambda deploy, gpu: None)
    assert line.split(";")[0] in (blind := estimate(dataset, split, (0, 3), config, profile, Device()))
    assert blind.endswith("an unknown time")
