"""The same cells however an image is cut into tiles, and whatever file it comes in."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeppap.engines.net_probe import probe_net
from deeppap.phantom.field import field_of
from deeppap.screening.nuclei.fcn import DEPLOY
from deeppap.screening.plan_image import plan_image, tiles_of_plan
from deeppap.screening.screen_tile import cells_of
from tests.support.caffe_nets import gaussian_weights
from tests.support.drawn_field import draw_field
from tests.support.screening import MPP, settings_for, write_pyramid, write_tiff

SIDES = (256, 411, 600, 2048)


@pytest.fixture(scope="module")
def field():
    """A phantom field with some of its cells small and round, uint8 BGR."""
    image = field_of(5, 0, 24)[0][..., ::-1].copy()
    image[:480, :640] = draw_field(2, cells=20)[0]
    return image


@pytest.fixture(scope="module")
def fcn_weights(tmp_path_factory):
    """A net that nobody trained: it finds what it finds, all over the field."""
    return gaussian_weights(tmp_path_factory.mktemp("fcn") / "fcn.caffemodel", probe_net(DEPLOY)["params"], std=0.3)


def rows(image, settings, folder, mpp=MPP, side=2048, nuclei=None):
    """How many tiles there are; place, area and outline of every cell; and what a net rounds another way in another
    batch: confidence, score, spread.
    """
    plan = plan_image(image, replace(settings, tile=side), folder, mpp, nuclei)
    tiles = tiles_of_plan(plan)
    cells = sorted((c for tile in tiles for c in cells_of(plan, tile).cells), key=lambda c: (c.y, c.x))
    kept = [(c.x, c.y, c.area_um2, c.outline.tolist()) for c in cells]
    return len(tiles), kept, np.array([(c.confidence, c.score, c.spread) for c in cells])


@pytest.mark.parametrize("mpp", [MPP, 0.2534, 0.16])
def test_however_it_is_tiled(tmp_path, trained_fold, field, mpp):
    cv2.imwrite(str(tmp_path / "field.png"), field)
    settings = settings_for(trained_fold, confidence=0.2)
    results = [rows(tmp_path / "field.png", settings, tmp_path, mpp, side) for side in SIDES]
    assert len({count for count, _, _ in results}) >= 3
    _, expected, scores = results[-1]
    assert len(expected) > 20
    for _, found, own in results[:-1]:
        assert found == expected
        assert own == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("mpp", [MPP, 0.2534])
def test_however_it_is_tiled_by_the_net_that_detects(tmp_path, trained_fold, field, fcn_weights, mpp):
    cv2.imwrite(str(tmp_path / "field.png"), field[:330, 300:720])
    settings = settings_for(trained_fold, detector="fcn", weights=fcn_weights, confidence=0.25)
    results = [rows(tmp_path / "field.png", settings, tmp_path, mpp, side) for side in (256, 2048)]
    (_, found, own), (_, expected, scores) = results
    assert len(expected) > 20
    assert found == expected
    assert own == pytest.approx(scores, abs=1e-4)


def test_however_a_real_smear_is_tiled(tmp_path, trained_fold, real_fields):
    """Blood, folds and clumps, where what lies far off could matter."""
    settings = settings_for(trained_fold, confidence=0.5)
    images = sorted(real_fields.glob("*.png"))[:2]
    assert len(images) == 2
    for image in images:
        (tiles, found, _), (whole, expected, _) = (rows(image, settings, tmp_path, 0.247, side) for side in (500, 2048))
        assert tiles > whole
        assert len(expected) >= 5, image
        assert found == expected


def test_in_whatever_file_it_comes(tmp_path, trained_fold, field):
    settings = settings_for(trained_fold, confidence=0.2)
    cv2.imwrite(str(tmp_path / "a.png"), field)
    write_tiff(tmp_path / "b.tif", field, rowsperstrip=50)
    write_pyramid(tmp_path / "c.tif", field)
    expected = rows(tmp_path / "a.png", settings, tmp_path)
    for name in ("b.tif", "c.tif"):
        _, found, scores = rows(tmp_path / name, settings, tmp_path, None)
        assert found == expected[1]
        assert np.array_equal(scores, expected[2])


def test_a_cell_scores_as_one_given_by_hand_does(tmp_path, trained_fold, field):
    """And as scoring.TrainedModel scores it: the tile is no part of the score."""
    from deeppap.scoring.trained_model import TrainedModel

    settings = settings_for(trained_fold, confidence=0.2)
    cv2.imwrite(str(tmp_path / "field.png"), field)
    _, found, scores = rows(tmp_path / "field.png", settings, tmp_path, side=411)
    lines = [f"{x},{y}\n" for x, y, *_ in found]
    (tmp_path / "nuclei.csv").write_text("x,y\n" + "".join(lines))
    plan = plan_image(tmp_path / "field.png", settings, tmp_path, MPP, tmp_path / "nuclei.csv")
    given = [c for tile in tiles_of_plan(plan) for c in cells_of(plan, tile).cells]
    assert [(c.x, c.y) for c in given] == [row[:2] for row in found]
    assert [c.score for c in given] == pytest.approx(scores[:, 1], abs=1e-5)
    one = TrainedModel.open(trained_fold).score(field, [found[0][:2]], views=1, crops=1)[0]
    assert one.score == pytest.approx(scores[0, 1], abs=1e-5)
