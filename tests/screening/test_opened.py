"""The open image that a process keeps between tiles."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.screen_tile import _detector, _nets, opened
from tests.support.screening import plain_settings, settings_for


def test_an_image_replaced_under_its_name_is_opened_anew(tmp_path):
    """A worker of a standing cluster must not score yesterday's pixels under today's checksum."""
    path = tmp_path / "field.png"
    for value in (10, 200):
        assert cv2.imwrite(str(path), np.full((300 + value, 400, 3), value, np.uint8))
        assert opened(str(path)).small.mean() == value
        assert opened(str(path)) is opened(str(path))


def test_other_weights_than_those_planned_score_nothing(copy_of, trained_fold, tmp_path):
    """A training that goes on meanwhile writes newer snapshots into the same fold."""
    _, fold = copy_of(trained_fold)
    settings = settings_for(fold)
    assert _nets(settings)
    for change in ({"model_sha256": "0" * 64}, {"known_sha256": "0" * 64}):
        with pytest.raises(UserError, match="as they were when this was planned"):
            _nets(replace(settings, **change))
    weights = tmp_path / "fcn.caffemodel"
    weights.write_bytes(b"newer")
    with pytest.raises(UserError, match="as they were when this was planned"):
        _detector(plain_settings(detector="fcn", weights=str(weights), weights_sha256="0" * 64))
