"""A full disk, on a real small one: which path, how much it needs, nothing half-made, and the same again works."""

import shutil
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from itertools import islice

import numpy as np
import pytest

from data_prep.fold_data import sources
from data_prep.patch_lmdb import write_patch_lmdb
from data_prep.prepare import prepare_fold
from data_prep.profiles import run_profile
from data_prep.regions import cut_regions
from deeppap.io import files
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file, write_json
from deeppap.records import Request, RunRecord, SplitRecord
from deeppap.records.record import read_record
from deeppap.report import report
from deeppap.report.figures import all_figures
from deeppap.report.report import write_report
from deeppap.scoring.results import load_run
from deeppap.training import train_fold as training
from deeppap.training.download import download
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import make_checkout
from tests.support.fault_tools import final_names, leftovers
from tests.support.own_cells import write_manifest
from tests.support.synthetic_run import write_synthetic_run


@pytest.fixture
def no_foresight(monkeypatch):
    """The check beforehand sees a free disk, as where somebody else fills it up meanwhile."""
    monkeypatch.setattr(files, "require_space", lambda folder, need: None)
    monkeypatch.setattr(training, "require_space", lambda folder, need: None)


def test_an_lmdb_that_cannot_fit_is_refused_beforehand(small_disk, phantom, refused):
    place = make_checkout(small_disk(8 << 20).folder / "place")
    line = refused(place, "build_lmdb", "--fold", "0", "--profile", "smallest", "--workers", "1", herlev=phantom)
    assert "runs/phantom-cell-smallest/fold0: expected 36.7 MB of free disk, found 8." in line
    assert not list(place.rglob("*.mdb"))


def test_a_disk_that_fills_up_while_the_lmdb_is_written(small_disk, built_fold, dataset, tmp_path):
    config, split = RunRecord.read(built_fold.parent), SplitRecord.read(built_fold.parent)
    train, _ = sources(dataset, split, 0, config, run_profile(config))
    disk = small_disk(8 << 20)
    target = disk.folder / "train_lmdb"
    with cut_regions(train.cells, tmp_path, 1, train.reach) as regions:
        with pytest.raises(UserError) as caught:
            write_patch_lmdb(target, train, regions, 1, "train_lmdb")
        shutil.rmtree(target)
        disk.resize(64 << 20)
        assert write_patch_lmdb(target, train, regions, 1, "train_lmdb")[0] == 144
    assert caught.value.where == str(target)
    assert "29.5 MB for it" in str(caught.value) and "a full disk" in str(caught.value)


def test_a_text_file_on_a_full_disk_keeps_the_old_one(small_disk, no_foresight):
    disk = small_disk(64 << 10)
    path = disk.folder / "run.json"
    write_json(path, {"old": 1})
    with pytest.raises(UserError, match="a full disk"):
        write_json(path, {"new": "x" * 100_000})
    assert read_record(path, dict, "a test") == {"old": 1}
    assert not leftovers(disk.folder)


def test_snapshots_that_cannot_fit_are_refused_beforehand(small_disk, untrained, refused):
    _, fold = untrained
    disk = small_disk(80 << 20)
    place = make_checkout(disk.folder / "place")
    shutil.copytree(fold.parent, place / "runs/run")
    line = refused(place, "train", "--net", "runs/run/fold0", "--from-scratch", "--gpu", "none")
    assert "runs/run/fold0: expected 120.0 MB of free disk" in line


def test_a_disk_that_fills_up_while_caffe_writes_its_snapshot(
    small_disk, tmp_path, source_weights, no_foresight, monkeypatch
):
    """Ten cells are three iterations, and 8 MB of views: less than a model of 40 MB is left of the disk."""
    disk = small_disk(40 << 20)
    monkeypatch.chdir(disk.folder)
    request = Request(data=(str(write_manifest(tmp_path / "cells", 5, 5)),), profile="smallest")
    fold, _ = prepare_fold(request, 0, 1, "run", disk.folder, lambda _: None)
    options, said = TrainOptions(source_weights), []
    with pytest.raises(UserError) as caught:
        train_fold(fold, options, said.append)
    assert "disk" in str(caught.value) or "snapshots" in caught.value.where
    assert not (fold / "model.json").exists(), "a cut snapshot was selected"
    disk.resize(256 << 20)
    model = train_fold(fold, options, said.append)
    assert any(line.startswith("passing over iteration 3") for line in said), said
    assert model.iteration == 3
    assert sha256_file(fold / model.snapshot) == model.weights_sha


def test_a_report_on_a_full_disk(small_disk, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "all_figures", lambda runs: islice(all_figures(runs), 3))  # of which one is drawn
    run = load_run(write_synthetic_run(tmp_path / "run", folds=1))
    disk = small_disk(96 << 10)
    with pytest.raises(UserError, match="disk") as caught:  # full while a file is written, or too full to begin one
        write_report([run], disk.folder / "report")
    assert caught.value.where.startswith(str(disk.folder))
    assert list(disk.folder.iterdir()) == []
    disk.resize(64 << 20)
    assert write_report([run], disk.folder / "report").is_file()


@pytest.fixture
def served(tmp_path):
    """A file of 2 MB behind a real HTTP server of this machine: its address and sha1."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "weights").write_bytes(np.random.default_rng(1).bytes(2_000_000))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/weights", sha256_file(folder / "weights", "sha1")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("foresight", [True, False])
def test_a_download_on_a_full_disk(small_disk, served, foresight, request):
    if not foresight:
        request.getfixturevalue("no_foresight")
    url, sha1 = served
    disk = small_disk(1 << 20)
    target = disk.folder / "weights.caffemodel"
    with pytest.raises(UserError) as caught:
        download(target, [url], sha1, size=2_000_000)
    assert str(disk.folder) in caught.value.where and "2.0 MB" in str(caught.value)
    assert final_names(disk.folder) == {} and not leftovers(disk.folder)
    disk.resize(8 << 20)
    assert "verified" in download(target, [url], sha1, size=2_000_000)
