"""Heat maps: places taken back onto the cell, attribution that adds up, and nuclei that hold the class."""

import cv2
import numpy as np
import pytest

from data_prep.cells import Cell
from data_prep.views import Grid
from deeppap.engines import deploy
from deeppap.engines.caffe_attribution import CaffeAttribution
from deeppap.engines.caffe_engine import CaffeEngine
from deeppap.engines.crops import crop_views
from deeppap.engines.net_geometry import ReceptiveFields
from deeppap.report.figures import net, photos
from deeppap.report.figures.cell_pictures import CellPictures
from deeppap.report.net_files import ensure_net_files
from deeppap.report.runs import named
from deeppap.scoring.cell_views import CellViews, ViewChoice
from deeppap.scoring.heatmaps import FILE, chosen_cells, heat_map
from deeppap.scoring.net_figures import FILE as NET_FIGURES
from deeppap.scoring.results import load_run
from tests.support.caffe_nets import gaussian_weights
from tests.support.checkout import ROOT, run_tool
from tests.support.nucleus_net import MEAN, painted, train

DEPLOY = ROOT / "prototxt/deploy.prototxt"


class Brightness:
    """An attribution that is each pixel's own blue value: it must come back as the picture itself."""

    fields, crop = ReceptiveFields(1, 0.0), 227

    def __call__(self, crops):
        return crops[:, 0], np.zeros(len(crops))


@pytest.mark.parametrize("crops", [1, 2, 10])
def test_what_is_taken_back_lies_where_it_came_from(rng, crops):
    """Through rotation, shift, corner and mirror; to a fraction of a pixel."""
    picture = cv2.GaussianBlur(rng.integers(0, 256, (170, 190, 3), np.uint8), (0, 0), 6)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    centre = (88.3, 91.6)
    views = ViewChoice(Grid(10, 10), 20, 1).of("cell")
    cell = CellViews(Cell("cell", "none", 0, "", centre, None), lambda: (picture, centre), views)
    found = heat_map(Brightness(), cell, np.zeros((3, 256, 256), np.float32), crops)
    assert found.heat.shape == picture.shape[:2]
    errors = {
        (down, right): found.heat[50:134, 46:130] / 4  # four pixels of a view are one of the image
        - picture[50 + down : 134 + down, 46 + right : 130 + right, 0]
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    }
    assert np.abs(errors[0, 0]).max() < 8 and abs(errors[0, 0].mean()) < 1
    off = [error.std() for moved, error in errors.items() if moved != (0, 0)]
    assert 2 * errors[0, 0].std() < min(off)  # a pixel beside would be seen


def test_the_places_of_a_crop_add_up_to_its_log_odds(net_shapes, rng, tmp_path):
    """Where nothing after the layer has a bias, and for both sides of the answer."""
    engine = CaffeEngine(DEPLOY, gaussian_weights(tmp_path / "w.caffemodel", net_shapes, std=0.015), batch=3)
    for name in ("conv4", "conv5", "fc6_t", "fc7_t", "fc8_t"):
        engine.net.params[name][1].data[...] = 0
    crops = crop_views(rng.integers(0, 256, (2, 256, 256, 3), np.uint8), MEAN, 227, 2)
    evidence, log_odds = CaffeAttribution(engine, [1])(crops)
    prob = engine(crops).astype(np.float64)
    assert evidence.shape == (4, 13, 13)
    size = np.abs(log_odds).max()
    np.testing.assert_allclose(log_odds, np.log(prob[:, 1] / prob[:, 0]), rtol=0, atol=1e-3 * size)
    np.testing.assert_allclose(evidence.sum(axis=(1, 2)), log_odds, rtol=0, atol=1e-3 * size)
    np.testing.assert_allclose(CaffeAttribution(engine, [0])(crops)[0], -evidence, rtol=0, atol=1e-5 * size)


@pytest.fixture(scope="module")
def nucleus_net(tmp_path_factory):
    """A net that learned a class painted in the nucleus alone, and cells that it has not seen."""
    rng, folder = np.random.default_rng(1), tmp_path_factory.mktemp("nucleus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deploy, "ROOT", folder)  # of its layers, Caffe alone knows the pooling: it is a checkout's own
        engine = CaffeEngine(*train(folder, rng))
    return engine, [painted(rng, index % 2) for index in range(10)]


def inside_over_outside(engine, cells):
    """Mean evidence for the cells' own class inside their nuclei, in parts of the evidence's size outside."""
    evidence, inside, outside = CaffeAttribution(engine, [1]), [], []
    for cell in cells:
        found = heat_map(evidence, cell.views(4), MEAN, 2)
        inside.append((1 if cell.label else -1) * found.heat[cell.nucleus].mean())
        outside.append(np.abs(found.heat[~cell.nucleus]).mean())
    return np.mean(inside) / np.mean(outside)


def test_the_heat_lies_in_the_nucleus_if_the_class_is_painted_there(nucleus_net):
    engine, cells = nucleus_net
    evidence = CaffeAttribution(engine, [1])
    right = [(heat_map(evidence, cell.views(4), MEAN, 2).log_odds > 0) == (cell.label == 1) for cell in cells]
    assert sum(right) >= 9
    assert inside_over_outside(engine, cells) >= 2


def test_with_the_last_layer_shuffled_it_does_not(nucleus_net):
    engine, cells = nucleus_net
    weights = engine.net.params["fc8_t"][0].data
    learned = weights.copy()
    for seed in range(3):
        weights[...] = np.random.default_rng(seed).permutation(learned.ravel()).reshape(learned.shape)
        assert inside_over_outside(engine, cells) < 2
    weights[...] = learned


def test_right_cells_from_the_middle_and_the_worst_wrong_ones_are_kept(dataset):
    values = np.random.default_rng(0).permutation(np.linspace(0.02, 0.98, len(dataset.cells)))
    score_of = {cell.id: value for cell, value in zip(dataset.cells, values, strict=True)}
    found = chosen_cells(dataset.cells, values)
    assert len({cell.id for cell in found}) == len(found) == 8
    wrong = [cell for cell in found if (score_of[cell.id] >= 0.5) != (cell.label == 1)]
    everywhere = [cell for cell in dataset.cells if cell.label == 0 and score_of[cell.id] >= 0.5]
    assert max(everywhere, key=lambda cell: score_of[cell.id]) in wrong and len(wrong) == 4
    right = [cell for cell in dataset.cells if cell.label == 1 and score_of[cell.id] >= 0.5]
    assert chosen_cells(right, [score_of[cell.id] for cell in right])


def test_the_report_makes_the_files_once_and_shows_them(evaluated_fold, copy_of, monkeypatch):
    place, fold = copy_of(evaluated_fold, "*.npz")
    monkeypatch.chdir(place)
    run = load_run(fold.parent)
    ensure_net_files(run)
    files = [fold / FILE, fold / NET_FIGURES]
    made = [path.stat().st_mtime_ns for path in files]
    assert files[0].stat().st_size < 1_000_000
    (named_run,) = named([run])
    figure = photos.heatmaps.draw(named_run, CellPictures(run))
    with np.load(files[0]) as archive:
        assert len(archive.files) // 2 == len(figure.axes) >= 2
    with np.load(files[1]) as archive:
        assert archive["conv1_after"].shape == archive["conv1_before"].shape == (96, 3, 11, 11)
        assert archive["pool5"].shape == (256, 6, 6)
    assert net.filters.draw(named_run) and net.activations.draw(named_run)
    ensure_net_files(run)
    assert [path.stat().st_mtime_ns for path in files] == made
    # of another net they are made again
    np.savez(files[0], weights_sha=np.array("0" * 64))
    ensure_net_files(run)
    with np.load(files[0]) as archive:
        assert str(archive["weights_sha"]) == run.folds[0].model.weights_sha


def test_without_the_weights_nothing_is_made(evaluated_fold, copy_of):
    fold = copy_of(evaluated_fold, "*.npz", "*.caffemodel")[1]
    ensure_net_files(load_run(fold.parent))
    assert not list(fold.glob("*.npz"))


def test_classify_draws_heat_maps(checkout, trained_fold, dataset, tmp_path):
    cell = dataset.cells[0]
    x, y = cell.centre
    words = ("--centre", f"{x},{y}", "--views", "2", "--gpu", "none", "--net", trained_fold, "--heatmap")
    plain = run_tool(checkout, "classify", cell.image, *words[:-1]).stdout
    assert run_tool(checkout, "classify", cell.image, *words, tmp_path / "heat.png").stdout == plain
    picture = cv2.imread(str(tmp_path / "heat.png"))
    assert picture is not None and picture.shape[1] > 1000
    assert (picture.max(axis=2) - picture.min(axis=2) > 60).any()  # there is colour on it
    done = run_tool(checkout, "classify", cell.image, *words, tmp_path / "heat.jpg", status=2)
    assert done.stdout == "" and "--heatmap" in done.stderr and done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heat.png"]
