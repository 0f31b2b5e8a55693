"""What is measured of a picture beside its nucleus: by hand, with a mask and without one."""

import cv2
import numpy as np
import pytest

from data_prep.background import MARGIN, RADIUS, background_colours, image_sizes
from data_prep.manifest import read_manifest
from data_prep.views import REACH
from tests.support.pictures import plain

SIDE = 400


@pytest.fixture
def dataset(tmp_path):
    """Two cells in one picture, the first with a mask; the halves of the glass have two colours, nuclei are white."""
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, : SIDE // 2], image[:, SIDE // 2 :] = (10, 20, 30), (40, 60, 90)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[190:211, 90:111] = 255
    image[190:211, 90:111] = 255
    cv2.circle(image, (300, 200), RADIUS, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    text = "image,label,nucleus_x,nucleus_y,mask,id\na.png,0,,,m.png,first\na.png,1,300,200,,second\n"
    (tmp_path / "mine.csv").write_text(text)
    return read_manifest(tmp_path / "mine.csv")


def test_no_pixel_of_the_nucleus_counts(dataset):
    found = background_colours(dataset)
    assert all(max(colour[:3]) < 91 for colour in found.values()), "white nuclei"
    # of what a view of the first can reach, so many columns lie in either half; less the nucleus and its margin
    left, right = SIDE // 2 - max(0, 100 - REACH), 100 + REACH + 1 - SIDE // 2
    assert left + right < SIDE
    margin = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    region = cv2.dilate(np.pad(np.ones((21, 21), np.uint8), 20), margin).sum()
    assert region > 21 * 21
    cells = np.array([left * (2 * REACH + 1) - region, right * (2 * REACH + 1)], float)
    colours = np.array([[10, 20, 30], [40, 60, 90]], float)
    mean = cells @ colours / cells.sum()
    assert found["first"][:3] == pytest.approx(mean)
    spread = np.sqrt(cells @ (colours - mean) ** 2 / cells.sum())
    assert found["first"][3:] == pytest.approx(spread)


def test_a_cell_without_a_mask_has_a_disc_for_a_nucleus(dataset):
    found = background_colours(dataset)["second"]
    assert 10 < found[0] <= 40 and found[3] > 0


def test_sizes_are_width_and_height(dataset, tmp_path):
    cv2.imwrite(str(tmp_path / "b.png"), plain((30, 50, 3), 0))
    (tmp_path / "b.csv").write_text("image,label,nucleus_x,nucleus_y\nb.png,0,5,5\n")
    assert image_sizes(read_manifest(tmp_path / "b.csv")) == {"b": [50.0, 30.0]}
    assert image_sizes(dataset) == {"first": [SIDE, SIDE], "second": [SIDE, SIDE]}
