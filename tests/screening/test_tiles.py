"""Tiles own the image without gap or overlap."""

import numpy as np
import pytest

from deeppap.screening.slides.slide import Box
from deeppap.screening.slides.tissue import find_tissue
from deeppap.screening.tiles import owned, tiles_of


@pytest.mark.parametrize(("width", "height", "side"), [(1000, 700, 256), (256, 256, 256), (257, 1, 256), (90, 90, 500)])
def test_every_point_belongs_to_exactly_one_tile(rng, width, height, side):
    x = np.concatenate([rng.uniform(-0.5, width - 0.5, 4000), np.arange(0, width) - 0.5, [width - 0.5, width - 0.5001]])
    y = np.concatenate([rng.uniform(-0.5, height - 0.5, len(x) - 2), [-0.5, height - 0.5]])
    times = sum(owned(box, (width, height), x, y).astype(int) for box in tiles_of(width, height, side))
    assert (times == 1).all()


def test_tiles_come_row_by_row_and_stay_inside():
    boxes = tiles_of(600, 300, 256)
    assert boxes[:3] == [Box(0, 0, 256, 256), Box(256, 0, 256, 256), Box(512, 0, 88, 256)]
    assert boxes[3:] == [Box(0, 256, 256, 44), Box(256, 256, 256, 44), Box(512, 256, 88, 44)]


def slide_of(*spots, side=500):
    """The overview of a slide a hundred times as wide, with spots of tissue of a given size."""
    small = np.full((side, side, 3), 240, np.uint8)
    for x, y, size in spots:
        small[y : y + size, x : x + size] = (210, 180, 230)
    return find_tissue(small, side * 100, side * 100)


def test_only_tiles_with_tissue_are_searched():
    tissue = slide_of((100, 300, 40))
    boxes = tiles_of(50_000, 50_000, 2048, tissue)
    assert 0 < len(boxes) <= 16
    assert all(tissue.touches(box) for box in boxes)
    assert min(b.x for b in boxes) <= 10_000 <= 14_000 <= max(b.right for b in boxes)
    assert 0 < tissue.share < 0.01


def test_a_cell_of_one_pixel_of_the_overview_is_tissue():
    tissue = slide_of((250, 20, 1))
    assert tissue.at(np.array([25_050.0, 40_000.0]), np.array([2_050.0, 40_000.0])).tolist() == [True, False]


def test_all_of_a_field_is_searched_also_where_it_is_bare():
    tissue = find_tissue(np.full((960, 1280), 240, np.uint8), 1280, 960)
    assert tissue.share == 1
    assert len(tiles_of(1280, 960, 512, tissue)) == 6
