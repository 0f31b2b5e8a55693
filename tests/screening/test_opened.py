"""The open image that a process keeps between tiles."""

import cv2
import numpy as np

from screening.screen_tile import opened


def test_an_image_replaced_under_its_name_is_opened_anew(tmp_path):
    """A worker of a standing cluster must not score yesterday's pixels under today's checksum."""
    path = tmp_path / "field.png"
    for value in (10, 200):
        assert cv2.imwrite(str(path), np.full((300 + value, 400, 3), value, np.uint8))
        assert opened(str(path)).small.mean() == value
        assert opened(str(path)) is opened(str(path))
