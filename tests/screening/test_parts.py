"""Files between the steps: a tile's cells, and given nuclei, of which each tile reads its own."""

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.parts import Part, nuclei_inside, read_part, write_nuclei, write_part
from deeppap.screening.plan import tiles_of
from deeppap.screening.slides.slide import Box, Damage
from tests.support.screening import cell_at

pytest.importorskip("pyarrow", reason="make slides")
TILE = Box(0, 0, 512, 512)
CELLS = [cell_at(5, 4, ood_score=0.5, given="HSIL"), cell_at(30.25, 8, outline=None, area_um2=float("nan"))]
PART = Part(CELLS, (Damage(TILE, "torn"),), 3)


def test_part_is_read_back(tmp_path):
    write_part(tmp_path / "part", "key", TILE, PART)
    found = read_part(tmp_path / "part", "key", TILE, "field.png")
    assert (found.cells[0], found.damages, found.skipped) == (PART.cells[0], PART.damages, 3)
    assert found.cells[0].outline.tolist() == PART.cells[0].outline.tolist()
    assert found.cells[1].outline is None
    assert np.isnan(found.cells[1].area_um2)
    write_part(tmp_path / "again", "key", TILE, PART)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "part").read_bytes()
    write_part(tmp_path / "part", "key", TILE, Part([]))
    assert read_part(tmp_path / "part", "key", TILE, "field.png") == Part([])


@pytest.mark.parametrize(("key", "tile"), [("other", TILE), ("key", Box(0, 0, 256, 512))])
def test_part_of_something_else_is_refused(tmp_path, key, tile):
    write_part(tmp_path / "part", "key", TILE, PART)
    with pytest.raises(UserError, match="this image, model and settings"):
        read_part(tmp_path / "part", key, tile, "field.png")


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_damaged_part_is_refused(tmp_path, keep):
    write_part(tmp_path / "part", "key", TILE, PART)
    data = (tmp_path / "part").read_bytes()
    (tmp_path / "part").write_bytes(data[:keep])
    with pytest.raises(UserError, match="a tile's cells"):
        read_part(tmp_path / "part", "key", TILE, "field.png")


@pytest.fixture
def nuclei(rng):
    outlines = [None if k % 3 else rng.uniform(0, 9, (3 + k % 5, 2)).astype(np.float32) for k in range(200)]
    places = rng.uniform(0, 500, (200, 2)).round(2)
    kinds = [("HSIL", "")[k % 2] for k in range(200)]  # which people gave
    return [Nucleus(*place, 12.5, np.nan, *more) for place, *more in zip(places.tolist(), outlines, kinds, strict=True)]


def test_each_given_nucleus_is_in_one_tile_with_its_outline(tmp_path, nuclei):
    write_nuclei(tmp_path / "kept", nuclei, (500, 500))
    found = [n for tile in tiles_of(500, 500, 256) for n in nuclei_inside(tmp_path / "kept", tile)]
    by_place = {(n.x, n.y): n for n in found}
    assert len(found) == len(by_place) == len(nuclei)
    for nucleus in nuclei:
        other = by_place[nucleus.x, nucleus.y]
        assert (nucleus.outline is None, nucleus.given) == (other.outline is None, other.given)
        assert nucleus.outline is None or np.array_equal(nucleus.outline, other.outline)


def test_order_and_a_point_given_twice_make_no_difference(tmp_path, nuclei):
    for name, given in (("a", nuclei), ("b", nuclei[::-1] + nuclei[:5]), ("c", nuclei[1:])):
        write_nuclei(tmp_path / name, given, (500, 500))
    one, same, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert one == same != other
