"""Records: written, read back and refused by field; where they come from; and how a run is found again."""

import json

import pytest
from msgspec.structs import replace

from deeppap.io.errors import UserError
from deeppap.records import Recipe, RunRecord, ScoreRecord, SplitRecord, provenance
from deeppap.records.run_folder import default_name, new_run, note_tf32, open_run
from tests.support.records import rewrite, run_record
from tests.support.synthetic_run import model_record, recipe, write_synthetic_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("runs") / "run", folds=1)


def test_records_come_back_as_they_were_written(tmp_path):
    for record in (run_record(classes=7, seed=5), recipe(), model_record(val_loss=None)):
        record.write(tmp_path)
        assert type(record).read(tmp_path) == record
    assert RunRecord.read_if_there(tmp_path / "none") is None
    assert not list(tmp_path.glob(".*"))


def test_not_a_number_is_kept_as_unknown(tmp_path):
    """A training that diverged; JSON has no such number."""
    model_record(val_loss=float("nan")).write(tmp_path)
    assert type(model_record()).read(tmp_path).val_loss is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", 3),
        ("seed", "1"),
        ("other", 1),
        ("dataset.pixel_um", 0),
        ("dataset.labels", [1, 2.5]),
        ("dataset.dataset_sha", "f" * 63),
        ("dataset.cells", -1),
    ],
)
def test_a_wrong_field_is_refused_by_file_and_field(tmp_path, field, value):
    run_record().write(tmp_path)
    path = tmp_path / "run.json"
    record = json.loads(path.read_text())
    part, _, name = field.rpartition(".")
    (record[part] if part else record)[name] = value
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=rf"run\.json: .*`?{name}") as caught:
        RunRecord.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_record_names_the_tool_that_makes_it(tmp_path):
    with pytest.raises(UserError, match=r"training\.json: .*no such file\. Run tools/train\.py"):
        Recipe.read(tmp_path)


def test_every_option_of_a_request_is_in_the_record(tmp_path):
    asked = run_record(profile="quick", protocol="field", control="shuffle", encoding="png", engine="onnxruntime")
    made = new_run(asked, asked.dataset, None, 0.0, 0.0)
    assert {name: getattr(made, name) for name in made.__struct_fields__[:10]} == {
        name: getattr(asked, name) for name in asked.__struct_fields__[:10]
    }
    assert made.select == "inner" and made.versions["python"] and made.machine.cores > 0


def test_a_name_differs_wherever_the_options_do():
    changes = [{"classes": 7}, {"select": "last"}, {"control": "shuffle"}, {"seed": 2}, {"profile": "quick"}]
    changes += [{"engine": "openvino"}, {"precision": "bfloat16"}, {"protocol": "field"}, {}]
    assert len({default_name(run_record(**change)) for change in changes}) == len(changes)
    assert default_name(run_record(protocol="field", seed=3)) == "mine-field-paper-inner-seed3"


def test_a_data_set_that_moved_is_opened_where_it_is_now(tmp_path):
    before = open_run(run_record(), tmp_path)
    moved = run_record({"path": "/elsewhere"})
    assert open_run(moved, tmp_path) == replace(before, dataset=moved.dataset)
    assert RunRecord.read(tmp_path) == replace(before, dataset=moved.dataset)


def test_another_data_set_or_option_is_refused_by_name(tmp_path):
    open_run(run_record(), tmp_path)
    with pytest.raises(UserError, match="expected seed 1, cells 3, found seed 2, cells 4"):
        open_run(run_record({"cells": 4}, seed=2), tmp_path)


def test_tf32_is_noted(tmp_path):
    run_record().write(tmp_path)
    note_tf32(tmp_path)
    assert RunRecord.read(tmp_path) == run_record(tf32=True)


@pytest.mark.parametrize(
    "change",
    [
        {"folds": [["a", "b"], ["c"]]},
        {"folds": [["a"], ["a"]]},
        {"folds": [["a"], []]},
        {"seed": 2},
        {"protocol": "field"},
        {"dataset_sha": "0" * 64},
        {"split_sha": "0" * 64},
        {"left_out": ["c"]},
    ],
)
def test_a_changed_split_is_refused(tmp_path, change):
    split = SplitRecord.of("cell", 1, "f" * 64, [["a"], ["b"]])
    split.write(tmp_path)
    assert SplitRecord.read(tmp_path) == split
    rewrite(tmp_path / "split.json", **change)
    with pytest.raises(UserError, match=r"split\.json"):
        SplitRecord.read(tmp_path)


def test_the_checksum_of_a_split_is_that_of_the_first_release():
    assert SplitRecord.of("cell", 1, "f" * 64, [["a"], ["b"]]).split_sha[:16] == "65dbc63b821fc227"


def test_scores_of_another_net_or_fold_do_not_match(run):
    path = run / "fold0/scores.csv"
    record, model = ScoreRecord.beside(path), model_record()
    assert record.mismatch(path, 0, model) is record.mismatch(path, 0, None) is None
    assert "shift" in record.mismatch(path, 5, model)
    assert "another net" in record.mismatch(path, 0, replace(model, weights_sha="9" * 64))
    assert "another fold" in record.mismatch(path, 0, replace(model, fold_sha="9" * 64))
    assert "other scores" in record.mismatch(run / "cells.csv", 0, model)


def test_what_changes_a_folds_figures_makes_another_version(tmp_path, monkeypatch):
    files = ("deeppap/a.py", "prototxt/solver.prototxt", "profiles.toml", "data_prep/b.py", "tools/c.py")
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("one")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    digest = provenance.code_digest.__wrapped__
    for file in files:
        before = digest()
        (tmp_path / file).write_text("two")
        assert (digest() != before) is (file != "tools/c.py")


@pytest.mark.parametrize(
    ("pixel_um", "resampled", "size"),
    [(0.2, (), 0.2), (0.2, (0.25,), 0.25), (0.2, (0.25, 0.5), None), (None, (), None)],
)
def test_the_pixel_size_of_the_images_is_that_before_resampling(pixel_um, resampled, size):
    assert run_record(dataset={"pixel_um": pixel_um, "resampled_um": resampled}).dataset.images_um == size
