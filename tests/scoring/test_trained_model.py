"""TrainedModel as a notebook uses it, as docs/how-to/own-cells.md writes it, and what it refuses."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from msgspec.structs import replace as with_fields
from PIL import Image

from data_prep.views import render
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.classify import cells_in_image, score_given
from deeppap.scoring.trained_model import TrainedModel
from tests.support.checkout import ROOT, run_tool
from tests.support.page_code import blocks, run_in
from tests.support.records import with_sources_mean
from tests.support.screening import write_tiff

PICTURE = np.arange(6000, dtype=np.uint8).reshape(40, 50, 3)


@pytest.fixture(scope="module")
def model(trained_fold):
    return TrainedModel.open(trained_fold)


@pytest.fixture(scope="module")
def known(model):
    """The net as one of a set that states its pixel size."""
    return replace(model, run=with_fields(model.run, dataset=with_fields(model.run.dataset, pixel_um=0.2)))


def test_the_notebook_of_the_docs_runs_as_written(trained_fold, dataset, tmp_path, monkeypatch, capsys):
    code = next(block for block in blocks(ROOT / "docs/how-to/own-cells.md") if "TrainedModel" in block)
    picture = "new/field.png"
    names = run_in(tmp_path, code, trained_fold.parent, "my_cells-cell-paper-inner", picture, monkeypatch)
    first, second = names["first"], names["second"]
    assert len(first.views) == 10
    assert first.prob.sum() == pytest.approx(1, abs=1e-6)
    assert capsys.readouterr().out.startswith(f"{first.score} {first.spread}")
    again = names["model"].score(cv2.imread(picture), [(210, 305.25)], views=10)
    assert again[0].score == pytest.approx(second.score, abs=1e-6)


def test_a_tiff_that_states_another_pixel_size_is_told(known, tmp_path, capsys):
    for stated in (0.2, 0.5):
        image = write_tiff(tmp_path / f"{stated}.tif", np.arange(14400, dtype=np.uint8).reshape(60, 80, 3), stated)
        known.score(image, [(40, 30)], views=1, crops=1, mpp=0.2)
        assert ("0.5 um a pixel" in capsys.readouterr().err) == (stated == 0.5)


@pytest.mark.parametrize("crops", [None, 1])
def test_it_scores_what_the_tool_scores(model, trained_fold, dataset, checkout, crops):
    cell = dataset.cells[3]
    x, y = (round(value, 2) for value in cell.centre)
    (own,) = model.score(cell.image, [(x, y)], views=2, crops=crops)
    words = [cell.image, "--centre", f"{x},{y}", "--views", "2", "--net", trained_fold, "--gpu", "none"]
    words += ["--crops", crops] if crops else []
    row = run_tool(checkout, "classify", *words).stdout.splitlines()[1].split(",")
    assert row[3:5] == [f"{own.score:.6f}", f"{own.spread:.6f}"]


def test_an_image_of_another_pixel_size_is_scored_as_the_tool_scores_it(known, dataset):
    image, centre = dataset.cells[3].image, dataset.cells[3].centre
    pixels, choice = cv2.imread(str(image)), known.views(2)
    given = cells_in_image(image, [centre], choice, 0.2, 0.3)
    (tool,) = score_given([known], Device(without_gpu=True), given, choice, print)
    for source in (image, pixels):
        (own,) = known.score(source, [centre], views=2, mpp=0.3)
        assert (own.score, own.spread, own.cell.centre) == (tool.score, tool.spread, centre)
    assert known.score(image, [centre], views=2, mpp=0.2)[0].score != tool.score
    for source, name in ((image, image.name), (pixels, "<memory>")):
        with pytest.raises(UserError, match=f"{name}: expected its pixel size, .* 0.2 um, found none given"):
            known.score(source, [centre], views=2)


def test_a_net_is_opened_by_its_run_and_an_engine_by_its_name(trained_fold):
    model = TrainedModel.open(trained_fold.parent)
    assert model.weights == TrainedModel.open(trained_fold).weights
    assert model.engine("caffe").name == "caffe"
    with pytest.raises(UserError, match="engine: expected .*caffe.*, found tensorflow"):
        model.engine("tensorflow")


def test_an_engine_of_another_net_is_refused(model, dataset, tmp_path):
    other = tmp_path / "other.caffemodel"
    shutil.copyfile(model.weights, other)
    image, centre = dataset.cells[3].image, dataset.cells[3].centre
    with pytest.raises(UserError, match=f"engine: expected one of {model.weights}, found {other}"):
        model.score(image, [centre], views=1, crops=1, engine=replace(model, weights=other).engine())
    own = [model.score(image, [centre], views=1, crops=1, engine=one)[0].score for one in (model.engine(), "caffe")]
    assert own[0] == own[1]


def test_a_net_without_a_pixel_size_scores_an_image_as_it_is_and_says_so(model, dataset, capsys):
    image, centre = dataset.cells[3].image, dataset.cells[3].centre
    scores = [model.score(image, [centre], views=1, **size)[0].score for size in ({}, {"mpp": 0.3})]
    assert scores[0] == scores[1] and "states no pixel size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("image", "centres", "options", "said"),
    [
        (np.zeros((40, 40), np.uint8), [(1, 1)], {}, "uint8 pixels"),
        (np.zeros((40, 40, 3), np.float32), [(1, 1)], {}, "float32"),
        (PICTURE, [(45, 1), (1, 45)], {}, "50 x 40 pixels, found 1,45"),
        (PICTURE, [(1, 1)], {"views": 0}, "views: expected 1 to 100"),
        (PICTURE, [(1, 1)], {"crops": 11}, "crops: expected 1 to 10"),
        (PICTURE, [(1, 1)], {"views": 2.5}, "views: .* found 2.5"),
        (PICTURE, [(1, 1)], {"crops": 2.5}, "crops: .* found 2.5"),
        (PICTURE, [(1, 1)], {"mpp": 250}, "mpp: expected a number of 0.01 to 10 micrometres"),
        (PICTURE, [(1, 1)], {"mpp": "0.25"}, "mpp: expected a number"),
        (PICTURE, [(1, 1)], {"engine": "tensorflow"}, "engine: expected .*caffe"),
        (np.full((40, 50, 3), 7, np.uint8), [(20, 20)], {}, "<memory>: .* pixels that are all of one value"),
        (np.zeros((0, 0, 3), np.uint8), [(1, 1)], {}, r"found uint8 \(0, 0, 3\)"),
        (PICTURE, (1, 1), {}, r"pairs \(x, y\), as in"),
        (Image.new("RGB", (50, 40)), [(1, 1)], {}, "found Image"),
        ("nothing.png", [(1, 1)], {}, "no such file"),
    ],
)
def test_what_cannot_be_scored_is_one_line(model, image, centres, options, said):
    with pytest.raises(UserError, match=said):
        model.score(image, centres, **options)


def test_a_net_scores_with_the_border_of_its_run(model, rng):
    image = rng.integers(0, 256, (70, 60, 3), np.uint8)  # smaller than a view
    mirror = replace(model, run=with_fields(model.run, border="reflect"))
    assert {view.border for _, view in mirror.views(3).of("a")} == {"reflect"}
    (zeros,), (reflected,) = (one.score(image, [(20, 30)], views=1, crops=1) for one in (model, mirror))
    padded, centre = np.pad(image, ((140, 140), (140, 140), (0, 0)), mode="reflect"), (20 + 140, 30 + 140)
    # the same cell, whatever lies around it: of the padded image every view is whole
    view = ViewChoice(model.profile.test, 1, model.run.seed).of(reflected.cell.id)[0][1]
    expected = model.engine()(crop_views(render(padded, centre, view)[None], model.mean, 227, 1))[0]
    assert reflected.prob == pytest.approx(expected, abs=1e-4)
    assert abs(zeros.score - reflected.score) > 1e-4


def test_weights_that_are_the_sources_are_scored_with_its_mean(copy_of, trained_fold):
    _, fold = copy_of(trained_fold, "train_lmdb", "val_lmdb")
    own = with_sources_mean(fold)
    weights = TrainedModel.open(fold).weights
    # the fold's own net; the same weights by their name; and by their name for another run's fold of the same data
    for model in (TrainedModel.open(fold), *(TrainedModel.open(one, weights) for one in (fold, trained_fold))):
        assert model.mean == pytest.approx(own / 2)
    (fold / "source_mean.binaryproto").write_bytes((fold / "mean.binaryproto").read_bytes())
    with pytest.raises(UserError, match="source_mean.binaryproto: expected the mean image of the source"):
        TrainedModel.open(fold)
