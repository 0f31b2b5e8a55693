import pytest
from msgspec.structs import replace

from data_prep import profiles
from data_prep.prepare import prepare_run
from deeppap.io.errors import UserError
from deeppap.phantom.cell_set import make_phantom
from deeppap.records import FoldRecord, Request, RunRecord, SplitRecord
from tests.support.checkout import make_checkout, run_tool

SMALLEST = ("--profile", "smallest", "--workers", "1")


def times(fold):
    return {p.name: p.stat().st_mtime_ns for p in fold.rglob("*") if p.is_file() and p.name[0] != "."}


@pytest.fixture
def place(tmp_path):
    return make_checkout(tmp_path / "place")


def test_as_written(place, tmp_path, monkeypatch):
    """`tools/build_lmdb.py --fold 3`: the paper's profile, here of one translation, on the smallest phantom."""
    text = profiles.FILE.read_text(encoding="utf-8")
    assert (paper := "abnormal = [10, 10], normal = [20, 14]") in text
    (tmp_path / "profiles.toml").write_text(text.replace(paper, "abnormal = [10, 1], normal = [20, 1]", 1))
    monkeypatch.setattr(profiles, "FILE", tmp_path / "profiles.toml")
    make_phantom(tmp_path / "phantom", 14)
    run_tool(place, "build_lmdb", "--fold", "3", herlev=tmp_path / "phantom")
    fold = place / "runs/phantom-cell-paper/fold3"
    assert (place / "data/fold").is_symlink()
    assert (place / "data/fold").resolve() == fold
    record, split = FoldRecord.read(place / "data/fold"), SplitRecord.read(fold.parent)
    cells = [record.train_cells, record.val_cells]
    abnormal = sum(cell.startswith("148") for k, part in enumerate(split.folds) if k != 3 for cell in part)
    assert cells == [14 - len(split.folds[3]), len(split.folds[3])]
    assert record.train_lmdb.entries == 10 * abnormal + 20 * (cells[0] - abnormal)
    assert record.val_lmdb.entries == 100 * cells[1]
    assert RunRecord.read(fold.parent).command[1:] == ["--fold", "3"]


def test_a_second_call_keeps_what_is_whole_and_the_link_moves(place, phantom):
    run_tool(place, "build_lmdb", "--fold", 1, *SMALLEST, herlev=phantom)
    first = place / "runs/phantom-cell-smallest/fold1"
    before = times(first)
    again = run_tool(place, "build_lmdb", "--fold", 1, *SMALLEST, herlev=phantom)
    assert "already complete" in again.stdout
    assert times(first) == before
    run_tool(place, "build_lmdb", "--fold", 4, *SMALLEST, herlev=phantom)
    assert str((place / "data/fold").readlink()) == "../runs/phantom-cell-smallest/fold4"
    assert times(first) == before
    assert not [p for p in place.rglob(".*") if p.name.endswith(".partial")]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("protocol", "patient", "protocol: expected one of cell, field"),
        ("profile", "huge", "profile: expected one of paper"),
        ("data", ("nowhere",), "nowhere: expected a Herlev folder or a manifest CSV"),
        ("select", "best", "select: expected one of paper, last, inner"),
        ("encoding", "jpeg", "encoding: expected one of raw, png"),
    ],
)
def test_what_is_asked_for_must_exist(phantom, tmp_path, option, value, message):
    with pytest.raises(UserError, match=message):
        prepare_run(Request(**{"data": (str(phantom),), option: value}), None, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_run_of_another_configuration_is_refused(phantom, tmp_path):
    request = Request(data=(str(phantom),), profile="smallest")
    run, *_ = prepare_run(request, "mine", tmp_path)
    assert prepare_run(request, "mine", tmp_path)[0] == run
    for change in ({"seed": 2}, {"profile": "quick"}, {"select": "last"}, {"protocol": "field"}):
        (name, value), old = next(iter(change.items())), getattr(request, next(iter(change)))
        with pytest.raises(UserError, match=f"expected {name} {old}, found {name} {value}"):
            prepare_run(replace(request, **change), "mine", tmp_path)
