"""A plan's key names everything that could change a cell's row, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from deeppap.engines.device import Device
from deeppap.screening.slides.slide import Box
from tests.support.screening import plain_settings, plan_of

IMAGE = Path("folder/field.png")


@pytest.mark.parametrize(
    "change",
    [
        {"image_sha256": "ef" * 32},
        {"mpp": 0.25},
        {"nuclei_sha256": "12" * 32},
        {"settings": plain_settings(views=3)},
        {"settings": plain_settings(crops=2)},
        {"settings": plain_settings(model_sha256="00" * 32)},
        {"settings": plain_settings(known_sha256="00" * 32)},
        {"settings": plain_settings(detector="fcn")},
        {"settings": plain_settings(weights_sha256="00" * 32)},
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
def test_what_changes_a_row_changes_the_key(change):
    assert replace(plan_of(IMAGE), **change).key != plan_of(IMAGE).key


@pytest.mark.parametrize(
    "change",
    [
        {"image": "elsewhere/other.png"},
        {"parts": "elsewhere"},
        {"settings": plain_settings(folds=("elsewhere",))},
        {"settings": plain_settings(weights="elsewhere")},
        {"settings": plain_settings(device=Device("1", without_gpu=True))},
    ],
    ids=str,
)
def test_where_things_lie_does_not(change):
    assert replace(plan_of(IMAGE), **change).key == plan_of(IMAGE).key


def test_tiles_of_one_plan_have_names_of_their_own():
    plan = plan_of(IMAGE)
    names = {plan.part(Box(x, y, 256, 256)) for x in (0, 256) for y in (0, 256)}
    assert len(names) == 4
    assert all(name.parent == Path("folder/parts") for name in names)


def test_a_part_that_other_code_made_is_another(monkeypatch):
    before = plan_of(IMAGE).key
    monkeypatch.setattr("deeppap.screening.plan.code_digest", lambda rooms: "other")
    assert plan_of(IMAGE).key != before
