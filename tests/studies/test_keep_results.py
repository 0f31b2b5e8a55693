"""A kept run gives the same tables, holds no path of a machine and no picture, and stays small."""

import gzip
import json
import re

import pytest

from deeppap.io.errors import UserError
from deeppap.io.files import open_text
from deeppap.report.report import write_report
from deeppap.scoring.results import load_run
from deeppap.studies import keep_results as module
from deeppap.studies.keep_results import keep_results, reduced_log, shortened, without_paths
from deeppap.training.caffe_log import LogReader
from tests.support.synthetic_run import write_records, write_synthetic_run

LOG = """\
I1125 04:22:49.365582  6612 caffe.cpp:197] Use CPU.
snapshot_prefix: "/home/someone/runs/fold0/snapshots/convnet_t"
I1125 04:22:50.100000  6612 solver.cpp:289] Solving ConvNet-T
I1125 04:22:50.200000  6612 solver.cpp:347] Iteration 0, Testing net (#0)
I1125 04:22:51.200000  6612 solver.cpp:414]     Test net output #0: accuracy = 0.5
I1125 04:22:51.200000  6612 solver.cpp:414]     Test net output #1: loss = 0.7 (* 1 = 0.7 loss)
I1125 04:22:52.300000  6612 solver.cpp:239] Iteration 0 (0 iter/s, 1.2s/10 iters), loss = 0.69
I1125 04:22:52.300000  6612 solver.cpp:258]     Train net output #0: loss = 0.69 (* 1 = 0.69 loss)
I1125 04:22:52.300000  6612 sgd_solver.cpp:112] Iteration 0, lr = 0.01
I1125 04:22:53.300000  6612 data_layer.cpp:73] Restarting data prefetching from start.
"""


@pytest.fixture
def run(tmp_path):
    run = tmp_path / "runs/herlev-cell-quick"
    write_synthetic_run(run, cells=70, dataset="herlev")
    write_records(run)
    record = json.loads((run / "run.json").read_text())
    record["command"] = ["/home/someone/DeepPap/tools/cross_validate.py", "--data", "/home/someone/herlev"]
    record["dataset"]["path"] = "/home/someone/herlev"
    (run / "run.json").write_text(json.dumps(record))
    (run / "fold0/train.log").write_text(LOG)
    (run / "fold0/solver.prototxt").write_text('net: "/home/someone/runs/x/fold0/train_val.prototxt"\nbase_lr: 0.01\n')
    return run


def test_the_report_of_what_was_kept_has_the_same_tables(run, tmp_path):
    kept = keep_results(run, tmp_path / "results/herlev-cell-quick")
    pages = [write_report([load_run(folder)], tmp_path / f"report{i}") for i, folder in enumerate((run, kept))]
    first, second = ({p.name: p.read_bytes() for p in (page.parent / "tables").iterdir()} for page in pages)
    assert first == second and len(first) > 5


def test_no_path_of_a_machine_no_picture_and_no_weights_are_kept(run, tmp_path):
    (run / "fold0/snapshots").mkdir(exist_ok=True)
    (run / "fold0/snapshots/convnet_t_iter_60.caffemodel").write_bytes(b"weights")
    kept = keep_results(run, tmp_path / "results/x")
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".csv", ".gz", ".prototxt", ".log"}
    texts = {path: open_text(path).read() for path in files}
    assert not [path for path, text in texts.items() if re.search(r"/home|someone", text)]
    assert 'net: "train_val.prototxt"' in (kept / "fold0/solver.prototxt").read_text()


def test_views_and_baselines_are_kept_gzipped_and_the_same_bytes_again(run, tmp_path):
    first = keep_results(run, tmp_path / "results/a")
    for name in ("fold0/view_scores.csv", "baselines.json"):
        assert not (first / name).exists()
        assert gzip.decompress((first / f"{name}.gz").read_bytes()) == (run / name).read_bytes()
    second = keep_results(first, tmp_path / "results/b")  # what is kept can be kept again
    for path in (path for path in first.rglob("*") if path.is_file()):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


def test_the_log_keeps_its_numbers_alone():
    kept = "".join(reduced_log(LOG.splitlines(keepends=True)))
    assert "Solving" in kept and "Use CPU" not in kept and "someone" not in kept and "Restarting" not in kept

    def record(text):
        reader = LogReader()
        for line in text.splitlines():
            reader.feed(line)
        return reader.record()

    assert record(kept) == record(LOG)
    assert record(kept).test == [(0, 0.7, 0.5)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/a/b/net.caffemodel", "net.caffemodel"),
        ("../data/herlev", "herlev"),
        ("runs/x/fold0", "runs/x/fold0"),
        ("--weights=/mnt/x/net.caffemodel", "--weights=net.caffemodel"),
        ("90 % at 0.5/1", "90 % at 0.5/1"),
        ('source: "/home/Jane Doe/runs/train_lmdb"', 'source: "train_lmdb"'),
    ],
)
def test_paths_are_cut_to_their_last_name(text, kept):
    assert shortened(text) == kept
    assert without_paths({"a": [text]}) == {"a": [kept]}


def test_an_older_copy_is_replaced_and_nothing_else(run, tmp_path):
    out = tmp_path / "results/x"
    keep_results(run, out)
    keep_results(run, out)
    other = tmp_path / "runs/other"
    write_synthetic_run(other, cells=35)
    split = json.loads((other / "split.json").read_text())
    (other / "split.json").write_text(json.dumps(split | {"fingerprint": "another"}))
    with pytest.raises(UserError, match="expected no such folder, or an older copy of this run"):
        keep_results(other, out)


def test_too_much_is_refused_and_nothing_is_left(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with pytest.raises(UserError, match=r"expected at most 1\.0 kB of results"):
        keep_results(run, tmp_path / "results/x")
    assert not list((tmp_path / "results").iterdir())


def test_a_run_is_no_copy_of_itself_nor_of_other_nets_or_counts(run, tmp_path):
    snapshot = run / "fold0/snapshots/x.caffemodel"
    snapshot.parent.mkdir(exist_ok=True)
    snapshot.write_bytes(b"weights")
    with pytest.raises(UserError, match="expected no such folder, or an older copy of this run"):
        keep_results(run, run)
    assert snapshot.exists()
    out = keep_results(run, tmp_path / "results/x")
    for file, change in (("run.json", {"profile": "paper"}), ("fold0/model.json", {"sha256": "another net"})):
        path = out / file
        kept = path.read_text()
        path.write_text(json.dumps(json.loads(kept) | change))
        with pytest.raises(UserError):
            keep_results(run, out)
        path.write_text(kept)
    keep_results(run, out)


def test_a_path_with_blanks_is_cut_as_a_whole():
    record = [
        "--data",
        "/media/jane/My Passport/patients/cells.csv",
        "--weights=/home/Jane Doe/net.caffemodel",
        "~/a b/c",
    ]
    assert without_paths(record) == ["--data", "cells.csv", "--weights=net.caffemodel", "c"]
    assert without_paths("BVLC Caffe 1.0 (99bd997), cpu build") == "BVLC Caffe 1.0 (99bd997), cpu build"


def test_a_training_that_has_not_ended_is_kept_as_one(run, tmp_path):
    (run / "fold0/model.json").rename(run / "fold0/training.json")
    kept = load_run(keep_results(run, tmp_path / "results/x"))
    assert kept.folds[0].begun and not kept.folds[1].begun


def test_another_nets_validation_of_the_same_set_is_no_older_copy(run, tmp_path):
    def asked(sha256):
        facts = {"trained_on": "herlev", "nets": [{"sha256": sha256}], "enlarged": None, "training_um": None}
        record = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(record | {"protocol": "external", "external": facts}))

    for model in run.glob("fold*/model.json"):
        model.unlink()
    asked("a" * 64)
    out = keep_results(run, tmp_path / "results/x")
    keep_results(run, out)
    asked("b" * 64)
    with pytest.raises(UserError, match="an older copy of this run"):
        keep_results(run, out)


@pytest.mark.parametrize("name", ["notes.txt", "fold0/my_annotations.csv"])
def test_a_file_of_ones_own_is_not_cleared_away(run, tmp_path, name):
    out = keep_results(run, tmp_path / "results/x")
    (out / "report").mkdir()
    (out / "report/report.html").touch()  # make results put it there
    (out / name).write_text("mine")
    with pytest.raises(UserError, match="a file of another name"):
        keep_results(run, out)
    assert (out / name).read_text() == "mine"
    (out / name).unlink()
    keep_results(run, out)
