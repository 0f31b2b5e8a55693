"""Outlines about known centres: of drawn nuclei, and of Herlev's against the masks that cytologists drew."""

import cv2
import numpy as np
import pytest

from data_prep.dataset import open_dataset
from data_prep.nucleus import nucleus_pixels
from deeppap.io.image_file import read_image
from deeppap.screening.nuclei.outlines import nucleus_of, outline_at
from deeppap.screening.nuclei.regions import rescale_points, smooth_darkness

MPP = 0.25


def outlined(image, centre, mpp):
    """The nucleus at a centre (x, y), with its outline."""
    channel = smooth_darkness(image, mpp)
    (region,), (score,) = outline_at(channel, rescale_points(np.array([centre]), image.shape, channel.shape))
    return nucleus_of(region, score, channel.shape, image.shape[:2])


@pytest.mark.parametrize("radius", [3.0, 6.0, 9.5, 11.0])
def test_a_nucleus_of_coarse_chromatin_is_outlined_whole(radius):
    """A fragment of it would show a nucleus as normal in size, and a mark beside the fragment as missed."""
    rng = np.random.default_rng(1)
    image = np.full((300, 300), 225, np.uint8)
    inside = cv2.circle(np.zeros_like(image), (150, 140), round(radius / MPP), 1, -1).astype(bool)
    grains = cv2.GaussianBlur(rng.standard_normal(image.shape).astype(np.float32), (0, 0), 1 / MPP)
    image[inside] = np.clip(130 + 18 * grains[inside] / grains.std(), 60, 200)
    nucleus = outlined(cv2.GaussianBlur(image, (0, 0), 1), (150, 140), MPP)
    assert nucleus.area_um2 == pytest.approx(np.pi * radius**2, rel=0.15)


def test_outlines_of_herlevs_nuclei_agree_with_their_masks(herlev):
    overlaps, areas = [], []
    for cell in open_dataset(herlev).cells[::12]:
        nucleus = nucleus_pixels(cell.image.with_name(f"{cell.image.stem}-d.bmp"))
        found = np.zeros(nucleus.shape, np.uint8)
        outline = outlined(read_image(cell.image), cell.centre, cell.pixel_um).outline
        cv2.fillPoly(found, [np.rint(outline).astype(np.int32)], 1)
        overlaps.append(np.count_nonzero(found & nucleus) / np.count_nonzero(found | nucleus))
        areas.append(np.count_nonzero(nucleus) * cell.pixel_um**2)
    overlaps, large = np.array(overlaps), np.array(areas) > 150
    assert overlaps.mean() > 0.82
    assert overlaps[large].mean() > 0.80
