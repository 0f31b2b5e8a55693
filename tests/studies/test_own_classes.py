"""A net of a set's own classes, some of them neither normal nor abnormal: from the manifest to a screened field."""

import csv
import io
import json
import shutil
from collections import Counter

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from data_prep.classes import CellClass, outputs_of
from data_prep.dataset import open_dataset
from data_prep.fold_data import fold_cells
from data_prep.image_hashes import fold_images
from data_prep.importers.gather import gather
from data_prep.mean_image import read_mean
from data_prep.prepare import prepare_fold, prepare_run
from data_prep.profiles import run_profile
from deeppap.engines.device import Device
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import read_binary, read_prototxt
from deeppap.io.errors import FieldError, UserError
from deeppap.records import ModelRecord, OutputRecord, Request, RunRecord
from deeppap.report.net_files import ensure_net_files
from deeppap.report.runs import Run
from deeppap.report.table import summary
from deeppap.report.tables import classes as class_tables
from deeppap.report.tables.performance import table5
from deeppap.scoring.classify import cells_in_image, score_given, to_csv
from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
from deeppap.scoring.kept_run import write_kept_run
from deeppap.scoring.open_nets import open_nets
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.screen_images import screen_images
from deeppap.stats.metrics import binary_metrics
from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate
from deeppap.studies.release import release
from deeppap.training import blend
from deeppap.training.source import open_source
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import read_datums
from tests.support.drawn_field import MPP, draw_field
from tests.support.screening import settings_for

EACH = 6  # cells of a class
OUTPUTS = tuple(
    CellClass(*one)
    for one in [("NILM", "normal"), ("HSIL", "abnormal"), ("odd", "abnormal"), ("junk", "neither"), ("blot", "neither")]
)
NAMES = [one.name for one in OUTPUTS]


def draw_cells(folder, seed=5):
    """Write a manifest of drawn cells in five classes: a disc of each class's own size and colour on noise.

    The table of classes knows neither "odd" nor "blot": the column `label` says what they are.
    """
    rng = np.random.default_rng(seed)
    lines = ["image,label,class,nucleus_x,nucleus_y,remark"]
    for number, one in enumerate(OUTPUTS):
        for index in range(EACH):
            image = rng.normal(210, 5, (150, 150, 3)).clip(0, 255).astype(np.uint8)
            colour = [(160, 120, 150), (90, 30, 60), (60, 90, 30), (30, 30, 30), (200, 100, 40)][number]
            cv2.circle(image, (75, 75), 8 + 7 * number, colour, -1)
            cv2.imwrite(str(folder / f"{one.name}{index}.png"), image)
            lines.append(f"{one.name}{index}.png,{one.label},{one.name},75,75,kept")
    (folder / "cells.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return draw_cells(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def other_cells(tmp_path_factory):
    """Another laboratory's cells of the same classes."""
    return draw_cells(tmp_path_factory.mktemp("other"), seed=6)


@pytest.fixture(scope="module")
def built(cells, tmp_path_factory):
    """Fold 0 of a net of the five classes, and what its building said."""
    said = []
    request = Request(data=(str(cells),), classes="own", profile="smallest", select="last")
    runs = tmp_path_factory.mktemp("place") / "runs"
    fold, _ = prepare_fold(request, 0, 1, "five", runs, said.append)
    return fold, said


@pytest.fixture(scope="module")
def scored(built, source_weights):
    """The fold trained for a few iterations, and the scores of its test cells."""
    fold, _ = built
    train_fold(fold, TrainOptions(source_weights, Device(without_gpu=True)), say=lambda _: None)
    model = TrainedModel.open(fold, say=lambda _: None)
    return model, evaluate_fold(model, Device(without_gpu=True), EvaluateOptions(), lambda _: None)


def test_two_classes_leave_out_what_is_neither_and_say_so(cells, tmp_path):
    two = open_dataset(cells)
    assert [one.name for one in two.classes] == NAMES[:3]
    assert two.left_out == {"junk": EACH, "blot": EACH}
    said = []
    request = Request(data=(str(cells),), profile="smallest", select="last")
    fold, _ = prepare_fold(request, 0, 1, "two", tmp_path, said.append)
    assert said[0] == "left out: 12 cells that are neither normal nor abnormal (blot 6, junk 6)"
    assert set(json.loads((fold / "fold.json").read_text())["train_labels"]) != {0}
    assert two.dataset_sha() != open_dataset(cells, own=True).dataset_sha()
    with pytest.raises(FieldError, match="own") as caught:
        prepare_fold(Request(data=(str(cells),), classes=7, profile="smallest"), 0, 1, "seven", tmp_path)
    assert caught.value.field == "classes"


def test_one_output_a_class_and_labels_that_come_out_even(built):
    fold, said = built
    assert said[0] == "5 outputs: NILM (normal), HSIL (abnormal), odd (abnormal), junk (neither), blot (neither)"
    run = RunRecord.read(fold.parent)
    assert outputs_of(run) == OUTPUTS
    assert run.dataset.labels == (EACH, 2 * EACH, 2 * EACH)
    labels = np.bincount([datum.label for _, datum in read_datums(fold / "train_lmdb")], minlength=5)
    assert labels.tolist() == json.loads((fold / "fold.json").read_text())["train_labels"]
    # of the whole set; a fold holds a cell more of one class than of another
    views = [count * run_profile(run).train[label].views for label, count in enumerate(run.dataset.labels)]
    assert max(views) <= 1.1 * min(views) and len(views) == 3


def test_a_class_without_a_training_cell_is_announced(cells, tmp_path):
    text = (cells / "cells.csv").read_text().splitlines()
    for image in cells.glob("*.png"):
        (tmp_path / image.name).write_bytes(image.read_bytes())
    kept = [line for line in text if not line.startswith("blot") or line.startswith("blot0")]
    (tmp_path / "cells.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    request, said = Request(data=(str(tmp_path),), classes="own", profile="smallest", select="last"), []
    _, dataset, split, run = prepare_run(request, "rare", tmp_path / "runs")
    lone = next(k for k in range(5) if "blot0" in split.folds[k])
    assert "blot" not in {cell.kind for cell in fold_cells(dataset, split, lone, run)[0]}
    prepare_fold(request, lone, 1, "rare", tmp_path / "runs", said.append)
    assert said[1].startswith(f"!! fold {lone} has no training cell of blot")


def test_a_class_of_two_labels_has_no_output(cells, tmp_path):
    rows = (cells / "cells.csv").read_text().replace("HSIL0.png,abnormal", "HSIL0.png,normal")
    for image in cells.glob("*.png"):
        (tmp_path / image.name).write_bytes(image.read_bytes())
    (tmp_path / "cells.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(UserError, match="one label for all cells of class HSIL"):
        prepare_run(Request(data=(str(tmp_path),), classes="own", profile="smallest"), "x", tmp_path / "runs")
    prepare_run(Request(data=(str(tmp_path),), profile="smallest"), "two", tmp_path / "runs")


def test_the_net_has_as_many_outputs_and_the_scores_their_names(scored):
    model, scores = scored
    for name in ("train_val", "deploy"):
        net = read_prototxt(model.folder / f"{name}.prototxt", "NetParameter")
        assert [la.inner_product_param.num_output for la in net.layer if la.type == "InnerProduct"][-1] == 5
    with (model.folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "class", "label", "score", "spread", *(f"prob_{name}" for name in NAMES)]
    for row, score in zip(rows, scores, strict=True):
        assert row["class"] == score.cell.kind == row["id"][:-1]
        probs = {one: float(row[f"prob_{one}"]) for one in NAMES}
        assert sum(probs.values()) == pytest.approx(1, abs=1e-6)
        assert float(row["score"]) == pytest.approx(probs["HSIL"] + probs["odd"], abs=1e-6)


def test_metrics_are_of_normal_and_abnormal_cells_and_tables_of_every_class(scored, tmp_path):
    model, scores = scored
    result = load_run(model.folder.parent)
    judged = [score for score in scores if score.cell.label < 2]
    (fold,) = result.folds
    assert fold.ids == tuple(score.cell.id for score in judged)
    assert len(fold.every.ids) == len(scores) > len(judged)
    run = Run(result, "five")
    found = table5([run]).data["runs"]["five"]["shift0"]
    own = binary_metrics([s.cell.label for s in judged], [s.score for s in judged])
    assert (found["cells"], found["pooled"]) == (len(judged), own)
    confusion, grades = class_tables.confusion_tables([run])  # two classes are Bethesda's, so there are grades
    assert grades.name == "grades"
    assert confusion.columns == ["true class", *NAMES, "right (%)"]
    counts = np.zeros((5, 5), int)
    for score in scores:
        counts[NAMES.index(score.cell.kind), NAMES.index(score.most_likely)] += 1
    assert confusion.data["counts"] == counts.tolist()
    rows = class_tables.each_class([run]).rows
    assert [row[1:3] for row in rows[:-1]] == [[one.name, one.label] for one in OUTPUTS]
    assert "5 classes" in summary(model.run, scores)
    write_kept_run(result, tmp_path)
    kept = load_run(tmp_path)
    assert (kept.outputs, kept.classes) == (OUTPUTS, OUTPUTS)
    assert np.array_equal(kept.folds[0].every.probs, fold.every.probs)
    assert np.array_equal(kept.folds[0].views.scores, fold.views.scores)


def test_a_net_of_own_classes_is_adapted_and_judged_by_p_abnormal(scored, other_cells, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deeppap.studies.estimate.forward_rate", lambda *_: 100.0)
    monkeypatch.setattr("deeppap.stats.baselines.TREES", 10)
    monkeypatch.setattr(blend, "SHARES", (0.5,))
    judged = {}
    monkeypatch.setattr(blend, "chosen", lambda labels, found: judged.update(found, labels=labels) or 0.5)
    source = open_source(scored[0].folder)
    device = Device(without_gpu=True)
    options = CrossValidateOptions(source=source, folds=[0], device=device, keep=True, name="adapted", adapt_few=True)
    request = Request(data=(str(other_cells),), profile="smallest", select="inner")
    fold = cross_validate(request, options, lambda _: None) / "fold0"  # without `classes`: they are the source's
    run, record = RunRecord.read(fold.parent), ModelRecord.read(fold)
    assert (run.classes, outputs_of(run), record.blend.share) == ("own", OUTPUTS, 0.5)
    adapted, own = (
        layers_of(read_binary(net, "NetParameter", "")) for net in (record.weights_in(fold), source.weights)
    )
    changed = {name: (blob_array(adapted[name][0]) != blob_array(own[name][0])).any() for name in own}
    assert changed == {name: name.startswith("fc") for name in own}
    assert len(blob_array(adapted["fc8_t"][1]).ravel()) == len(NAMES)
    # of cells that are neither nothing is judged; both classes that are abnormal are the others
    kinds = {cell.id: cell.kind for cell in open_dataset(other_cells, own=True).cells}
    inner = Counter(kinds[cell] for cell, part, _ in fold_images(fold) if part == "inner")
    assert (record.blend.normal, record.blend.abnormal) == (inner["NILM"], inner["HSIL"] + inner["odd"])
    assert set(judged["labels"]) == {0, 1} and set(inner) > {"NILM", "HSIL", "odd"}
    mean, of_class = read_mean(scored[0].folder / "mean.binaryproto"), {}
    for name in ("HSIL", "odd"):
        outputs = [OutputRecord(name=one, label="abnormal" if one == name else "normal") for one in NAMES]
        of_class[name] = blend._scores(fold, source.weights, mean, replace(run, outputs=outputs), options.device)[1]
    every = np.array([kinds[cell] for cell, part, _ in fold_images(fold) if part == "inner"])
    both = (of_class["HSIL"] + of_class["odd"])[np.isin(every, ["NILM", "HSIL", "odd"])]
    assert sorted(judged[0.0]) == pytest.approx(sorted(both), abs=1e-6)


@pytest.mark.parametrize(
    ("classes", "changed", "ours"),
    [
        ("own", "neither,speck", "NILM (normal), HSIL (abnormal), odd (abnormal), junk (neither), speck (neither)"),
        ("own", "normal,blot", "NILM (normal), blot (normal), HSIL (abnormal), odd (abnormal), junk (neither)"),
        (2, "neither,blot", "normal (normal), abnormal (abnormal)"),
    ],
)
def test_a_net_of_other_classes_is_not_adapted(scored, other_cells, tmp_path, monkeypatch, classes, changed, ours):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(other_cells, "cells")
    rows = (other_cells / "cells.csv").read_text().replace("neither,blot", changed)
    (tmp_path / "cells/cells.csv").write_text(rows)
    options = CrossValidateOptions(source=open_source(scored[0].folder), folds=[0])
    with pytest.raises(FieldError) as caught:
        cross_validate(Request(data=("cells",), profile="smallest", classes=classes), options, lambda _: None)
    theirs = ", ".join(f"{one.name} ({one.label})" for one in OUTPUTS)
    assert str(caught.value).startswith(f"source: expected a net of the classes {ours}, found one of {theirs}. ")
    assert not (tmp_path / "runs").exists()


def test_heat_maps_are_of_cells_that_have_a_label(scored):
    model, scores = scored
    assert any(score.cell.label == 2 for score in scores)
    ensure_net_files(load_run(model.folder.parent))
    with np.load(model.folder / "heatmaps.npz") as arrays:
        shown = {str(arrays[name]) for name in arrays if name.startswith("id_")}
    assert shown and shown <= {score.cell.id for score in scores if score.cell.label < 2}


def test_a_release_classifies_and_screens_by_the_names(scored, cells, tmp_path):
    model, _ = scored
    released = release(model.folder.parent, tmp_path / "net", [0], onnx=False, say=lambda _: None)
    card = (released / "fold0/readme.md").read_text(encoding="utf-8")
    assert "Output `prob`: NILM (normal), HSIL (abnormal), odd (abnormal), junk (neither), blot (neither)" in card
    models = open_nets(released, lambda _: None)
    assert models[0].outputs == OUTPUTS
    given = cells_in_image(cells / "junk0.png", [(75, 75)], models[0].views(2))
    found = list(score_given(models, Device(without_gpu=True), given, models[0].views(2), lambda _: None))
    file = io.StringIO()
    to_csv(found, OUTPUTS, file)
    (row,) = csv.DictReader(io.StringIO(file.getvalue()))
    assert row["class"] == found[0].called
    assert [float(row[f"p_{name}"]) for name in NAMES] == pytest.approx(found[0].prob.tolist(), abs=1e-6)

    image, nuclei = draw_field(cells=4)
    cv2.imwrite(str(tmp_path / "field.png"), image)
    given = tmp_path / "nuclei.csv"
    given.write_text("x,y\n" + "".join(f"{x:.2f},{y:.2f}\n" for x, y in nuclei), encoding="utf-8")
    out = tmp_path / "out"
    (result,) = screen_images([tmp_path / "field.png"], out, settings_for(released / "fold0"), MPP, given)
    with (out / "cells.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    called = [row["called"] for row in rows]
    assert result.abnormal == called.count("abnormal") == sum(float(row["p_abnormal"]) >= 0.5 for row in rows)
    assert result.neither == {name: called.count(name) for name in ("junk", "blot") if name in called}
    features = json.loads((out / "field/cells.geojson").read_text())["features"]
    by_id = {one["id"]: one["properties"]["classification"]["name"] for one in features}
    assert all(by_id[row["id"]] == row["likeliest_class"] in NAMES for row in rows)
    # the net's own answers are no labels; what a person set is
    features[0]["properties"]["classification"]["name"] = "LSIL"
    (tmp_path / "field.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    labels = gather([tmp_path / "field.geojson"], [tmp_path / "field.png"], "odd=abnormal,blot=neither")
    assert [one.known.name for one in labels.cells] == ["LSIL"]
