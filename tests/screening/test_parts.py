"""Parts: a tile's cells in a file that says whose they are."""

import pytest

from deeppap.io.errors import UserError
from deeppap.screening.parts import Part, read_part, write_part
from deeppap.screening.slides.slide import Box, Damage
from tests.support.screening import cell_at

pytest.importorskip("pyarrow", reason="make slides")
TILE = Box(0, 0, 512, 512)
PART = Part(
    [cell_at(5, 4, unlike=0.5), cell_at(30.25, 8, outline=None, area_um2=float("nan"))], (Damage(TILE, "torn"),), 3
)


def test_a_part_is_read_back_as_it_was(tmp_path):
    write_part(tmp_path / "part", "key", TILE, PART)
    found = read_part(tmp_path / "part", "key", TILE, "field.png")
    assert (found.cells[0], found.damages, found.left_out) == (PART.cells[0], PART.damages, 3)
    assert found.cells[0].outline.tolist() == PART.cells[0].outline.tolist()
    assert found.cells[1].outline is None
    assert found.cells[1].area_um2 != found.cells[1].area_um2
    write_part(tmp_path / "again", "key", TILE, PART)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "part").read_bytes()


def test_an_empty_part_is_a_part(tmp_path):
    write_part(tmp_path / "part", "key", TILE, Part([]))
    assert read_part(tmp_path / "part", "key", TILE, "field.png") == Part([])


@pytest.mark.parametrize(("key", "tile"), [("other", TILE), ("key", Box(0, 0, 256, 512))])
def test_a_part_of_something_else_is_refused(tmp_path, key, tile):
    write_part(tmp_path / "part", "key", TILE, PART)
    with pytest.raises(UserError, match="this image, model and settings"):
        read_part(tmp_path / "part", key, tile, "field.png")


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_damaged_part_is_refused(tmp_path, keep):
    write_part(tmp_path / "part", "key", TILE, PART)
    data = (tmp_path / "part").read_bytes()
    (tmp_path / "part").write_bytes(data[:keep])
    with pytest.raises(UserError, match="a tile's cells"):
        read_part(tmp_path / "part", "key", TILE, "field.png")
