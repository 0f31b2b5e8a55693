"""The same cells however an image is cut into tiles, whatever file it comes in, and by one net or several."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.phantom.field import field_of
from deeppap.scoring.ood import FILE as OOD_FILE
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening import screen_tile
from deeppap.screening.open_image import open_image
from deeppap.screening.plan import plan_image, settings_of
from deeppap.screening.screen_tile import cells_of
from tests.support.drawn_field import draw_field
from tests.support.pictures import plain
from tests.support.screening import MPP, plain_settings, settings_for
from tests.support.second_net import second_net

pytest.importorskip("pyarrow", reason="make slides")
SIDES = (256, 411, 2048)


@pytest.fixture(scope="module")
def pixels():
    """A phantom field with some of its cells small and round, uint8 BGR."""
    image = field_of(5, 0, 24)[0][..., ::-1].copy()
    image[:480, :640] = draw_field(2, cells=20)[0]
    return np.ascontiguousarray(image[:480, :900])


@pytest.fixture(scope="module")
def field(tmp_path_factory, pixels):
    path = tmp_path_factory.mktemp("field") / "field.png"
    cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture(scope="module")
def few(tmp_path_factory, pixels):
    """A part of it with six cells."""
    path = tmp_path_factory.mktemp("few") / "field.png"
    cv2.imwrite(str(path), pixels[:330, 300:720])
    return path


def planned(path, settings, parts, mpp=MPP, nuclei=None):
    """A plan and its tiles."""
    image = open_image(str(path))
    plan = plan_image(path, image, settings, parts, mpp, nuclei)
    return plan, plan.tiles(image.tissue)


def rows(path, settings, parts, mpp=MPP, side=2048, nuclei=None):
    """How many tiles there are; place, area and outline of every cell; and confidence, score and spread, which a net
    rounds another way in another batch.
    """
    plan, tiles = planned(path, replace(settings, tile=side), parts, mpp, nuclei)
    cells = sorted((c for tile in tiles for c in cells_of(plan, tile).cells), key=lambda c: (c.y, c.x))
    kept = [(c.x, c.y, c.area_um2, c.outline.tolist()) for c in cells]
    return len(tiles), kept, np.array([(c.confidence, c.score, c.spread) for c in cells])


@pytest.mark.parametrize("mpp", [0.2534, 0.16])
def test_tiling_changes_nothing(tmp_path, trained_fold, field, mpp):
    settings = settings_for(trained_fold, confidence=0.2)
    results = [rows(field, settings, tmp_path, mpp, side) for side in SIDES]
    assert len({count for count, _, _ in results}) >= 3
    _, expected, scores = results[-1]
    assert len(expected) > 20
    for _, found, own in results[:-1]:
        assert found == expected
        assert own == pytest.approx(scores, abs=1e-5)


def test_tiling_changes_nothing_on_a_real_smear(tmp_path, trained_fold, real_fields):
    """Blood, folds and clumps, where distant pixels could matter."""
    settings = settings_for(trained_fold, confidence=0.3)
    image = min(real_fields.glob("*.png"))
    (tiles, found, _), (whole, expected, _) = (rows(image, settings, tmp_path, 0.247, side) for side in (700, 2048))
    assert tiles > whole
    assert len(expected) >= 5, image
    assert found == expected


def test_cell_scores_as_one_given_by_hand_and_as_the_model_scores_it(tmp_path, trained_fold, few):
    settings = settings_for(trained_fold, confidence=0.2)
    _, found, scores = rows(few, settings, tmp_path, side=256)
    (tmp_path / "nuclei.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y, *_ in found))
    plan, tiles = planned(few, settings, tmp_path, MPP, tmp_path / "nuclei.csv")
    given = [c for tile in tiles for c in cells_of(plan, tile).cells]
    assert [(c.x, c.y) for c in given] == [row[:2] for row in found]
    assert [c.score for c in given] == pytest.approx(scores[:, 1], abs=1e-5)
    one = TrainedModel.open(trained_fold).score(cv2.imread(str(few)), [found[0][:2]], views=1, crops=1)[0]
    assert one.score == pytest.approx(scores[0, 1], abs=1e-5)


def test_scores_of_several_nets_are_averaged(few, tmp_path, monkeypatch, trained_fold):
    one = TrainedModel.open(trained_fold, say=lambda _: None)
    other = second_net(one, tmp_path / "other.caffemodel")
    opened = {net.folder: net for net in (one, other)}
    monkeypatch.setattr(TrainedModel, "open", classmethod(lambda cls, folder: opened[folder]))
    monkeypatch.setattr(screen_tile, "_nets", screen_tile._nets.__wrapped__)  # its cache does not know the stand-ins
    options = {"views": 1, "crops": 2, "training_mpp": MPP, "confidence": 0.2}
    cells, plans = [], []
    for nets in ([one], [other], [one, other], [other, one]):
        plan, tiles = planned(few, settings_of(nets, Device(without_gpu=True), **options), tmp_path)
        plans.append(plan)
        cells.append([cell.score for tile in tiles for cell in cells_of(plan, tile).cells])
    first, second, both, _ = map(np.array, cells)
    assert len(both) > 3
    assert both == pytest.approx((first + second) / 2, abs=1e-9)
    assert np.abs(first - second).max() > 1e-4
    assert len({plan.key for plan in plans}) == 4


def test_replaced_image_is_opened_again(tmp_path):
    """A worker of a standing cluster must not score yesterday's pixels under today's checksum."""
    path = tmp_path / "field.png"
    for value in (10, 200):
        assert cv2.imwrite(str(path), plain((300 + value, 400, 3), value))
        assert open_image(str(path)).small.mean() == pytest.approx(value, abs=0.01)
        assert open_image(str(path)) is open_image(str(path))


def test_other_weights_than_planned_are_refused(copy_of, trained_fold, tmp_path):
    """A training that goes on meanwhile writes newer snapshots into the same fold."""
    _, fold = copy_of(trained_fold)
    settings = settings_for(fold)
    assert screen_tile._nets(settings)
    for change, said in (({"weights_sha": "0" * 64}, "fold0"), ({"ood_sha": "0" * 64}, OOD_FILE)):
        with pytest.raises(UserError, match=f"{said}: .* as they were"):
            screen_tile._nets(replace(settings, **change))
    weights = tmp_path / "fcn.caffemodel"
    weights.write_bytes(b"newer")
    with pytest.raises(UserError, match="fcn.caffemodel: .* as they were"):
        screen_tile._detector(plain_settings(detector=str(weights), detector_sha="0" * 64))
