"""The folder of an evaluation: it takes the place of a former one, and of nothing else."""

import numpy as np
import pytest
from PIL import Image

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.evaluation_folder import write_evaluation
from deeppap.screening.nuclei.fcn_data import FieldSet
from deeppap.screening.nuclei.matching import match
from deeppap.screening.nuclei.nucleus import Nucleus
from tests.support.drawn_field import field_of


@pytest.fixture
def evaluated(tmp_path):
    path = tmp_path / "f.png"
    Image.fromarray(np.full((100, 200), 255, np.uint8)).save(path)
    field = field_of(path, [(30, 50)])
    return [FieldSet([field], 0.2, name="set")], {"set": [match(field, [Nucleus(32, 50, 40.0, 0.9)])]}


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_former_one_is_replaced(evaluated, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        write_evaluation(out, *evaluated)
        assert files(out) == ["detections.csv", "scores.json", "set/f.png"]


@pytest.mark.parametrize(
    "held",
    [
        ("scores.json",),  # of a trained fold
        ("scores.json", "snapshots/net_iter_1.caffemodel"),
        ("scores.json", "detections.csv", "set/f.png", "set/notes.txt"),
        ("scores.json", "detections.csv", "mine.txt"),
        ("pictures/a.png",),
    ],
)
def test_anything_else_is_left_alone(evaluated, tmp_path, held):
    out = tmp_path / "out"
    for name in held:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("mine")
    with pytest.raises(UserError, match="an evaluation to replace") as caught:
        write_evaluation(out, *evaluated)
    assert "\n" not in str(caught.value)
    assert files(out) == sorted(held)
