"""A plan's key names everything that could change a cell's row, and nothing else; tiles own the image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.screening.plan import tiles_of
from deeppap.screening.screen_tile import owned
from deeppap.screening.slides.overview import find_tissue
from tests.support.screening import plain_settings, plan_of, settings_for

IMAGE = Path("folder/field.png")


@pytest.mark.parametrize(
    "change",
    [
        {"image_sha": "ef" * 32},
        {"mpp": 0.25},
        {"nuclei_sha": "12" * 32},
        {"settings": plain_settings(views=3)},
        {"settings": plain_settings(crops=2)},
        {"settings": plain_settings(weights_sha="00" * 32)},
        {"settings": plain_settings(ood_sha="00" * 32)},
        {"settings": plain_settings(detector_sha="00" * 32)},
        {"settings": plain_settings(confidence=0.5)},
        {"settings": plain_settings(training_mpp=0.3)},
        {"settings": plain_settings(tile=512)},
        {"settings": plain_settings(grey_as_colour=True)},
        {"settings": plain_settings(device=Device(engine="openvino"))},
        {"settings": plain_settings(device=Device(engine="openvino", precision="bfloat16"))},
        {"settings": plain_settings(device=Device("0", tf32=True))},
    ],
    ids=str,
)
def test_key_differs(change):
    assert replace(plan_of(IMAGE), **change).key != plan_of(IMAGE).key


@pytest.mark.parametrize(
    "change",
    [
        {"image": "elsewhere/other.png"},
        {"parts": "elsewhere"},
        {"settings": plain_settings(folds=("elsewhere",))},
        {"settings": plain_settings(detector="elsewhere")},
        {"settings": plain_settings(device=Device("1", without_gpu=True))},
    ],
    ids=str,
)
def test_key_does_not_depend_on_where_things_lie(change):
    assert replace(plan_of(IMAGE), **change).key == plan_of(IMAGE).key


def test_key_depends_on_the_code(monkeypatch):
    before = plan_of(IMAGE).key
    monkeypatch.setattr("deeppap.screening.plan.code_digest", lambda rooms: "other")
    assert plan_of(IMAGE).key != before


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"detector": Path("missing.caffemodel")}, "missing.caffemodel: .* no such file"),
        ({"confidence": 1.5}, "confidence: "),
        ({"views": 0}, "views: .* 1 to 100"),
        ({"crops": 11}, "crops: .* 1 to 10"),
        ({"tile": 10}, "tile: .* 256 to 4096"),
        ({"training_mpp": 9}, "training_mpp: .* 0.05 to 2"),
        ({"training_mpp": None}, "training_mpp"),
    ],
)
def test_wrong_settings_are_refused(trained_fold, given, said):
    with pytest.raises(UserError, match=said):
        settings_for(trained_fold, **given)


@pytest.mark.parametrize(("width", "height", "side"), [(1000, 700, 256), (256, 256, 256), (257, 1, 256), (90, 90, 500)])
def test_every_point_belongs_to_exactly_one_tile(rng, width, height, side):
    x = np.concatenate([rng.uniform(-0.5, width - 0.5, 4000), np.arange(0, width) - 0.5, [width - 0.5, width - 0.5001]])
    y = np.concatenate([rng.uniform(-0.5, height - 0.5, len(x) - 2), [-0.5, height - 0.5]])
    times = sum(owned(box, (width, height), x, y).astype(int) for box in tiles_of(width, height, side))
    assert (times == 1).all()


def tissue_of(x, y, size):
    """The tissue of a slide of 50,000 pixels a side, with one spot on its overview of 500."""
    small = np.full((500, 500, 3), 240, np.uint8)
    small[y : y + size, x : x + size] = (210, 180, 230)
    return find_tissue(small, 50_000, 50_000)


def test_cell_of_one_pixel_and_all_of_a_field_are_searched():
    found = tissue_of(250, 20, 1).at(np.array([25_050.0, 40_000.0]), np.array([2_050.0, 40_000.0]))
    assert found.tolist() == [True, False]
    tissue = find_tissue(np.full((960, 1280), 240, np.uint8), 1280, 960)  # no larger than a field
    assert len(tiles_of(1280, 960, 512, tissue)) == 6
