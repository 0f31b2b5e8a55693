"""A drawn slide: a large pyramidal TIFF of repeated fields, written tile by tile."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from deeppap.io.errors import FieldError
from deeppap.io.files import complete_or_absent
from deeppap.io.progress import progress
from deeppap.phantom.cell import PAP_BACKGROUND
from deeppap.phantom.cell_set import require_new
from deeppap.phantom.field import FIELD_MPP, field_of

TILE = 256  # pixels, as scanners write
BLOCK = 1024  # a field's side in pixels: a whole number of tiles at levels 1 and 1/4
STEP = 4  # between the levels of the pyramid
VARIETY = 4  # different fields; each is repeated, so that its tiles are encoded once
CELLS = 22  # in a field
QUALITY = 90  # of the JPEG tiles
LARGEST = 200_000  # pixels

_PLACES = 105  # second entry of the seed sequence, beside those of field.py


class MadeSlide:
    """Fields on a grid of blocks; the other blocks are empty glass.

    `grid` holds a number for each block: 0 is glass, k is the k-th of the different fields.
    """

    def __init__(self, side: int, fields: int, seed: int):
        self.side, self.blocks = side, -(-side // BLOCK)
        drawn = [field_of(seed, number, CELLS, (BLOCK, BLOCK)) for number in range(min(VARIETY, fields))]
        glass = np.full((BLOCK, BLOCK, 3), PAP_BACKGROUND, np.uint8)
        self.images, self.cells = [glass, *(image for image, _ in drawn)], [[], *(cells for _, cells in drawn)]
        whole = side // BLOCK  # a block that the slide's edge cuts stays empty
        rng = np.random.default_rng(np.random.SeedSequence((seed, _PLACES)))
        # without repetition: a field in the place of another would lose its cells
        places = rng.permutation(whole * whole)[:fields]
        self.grid = np.zeros((self.blocks, self.blocks), np.uint8)
        for number, place in enumerate(places):
            self.grid[place // whole, place % whole] = 1 + number % (len(self.images) - 1)

    def centres(self) -> Iterator[tuple[float, float]]:
        """The centres (x, y) of all nuclei, in the slide's pixels."""
        for row, column in np.argwhere(self.grid):
            for cell in self.cells[self.grid[row, column]]:
                yield cell.x + column * BLOCK, cell.y + row * BLOCK

    def levels(self) -> list[int]:
        """The factor by which each level of the pyramid is smaller: 1, 4, 16, ..."""
        factors = [1]
        # viewers want a last level that fits on a screen
        while self.side // factors[-1] > BLOCK:
            factors.append(factors[-1] * STEP)
        return factors

    def tiles(self, shrink: int) -> Iterator[bytes]:
        """The JPEG tiles of one level, row by row; equal tiles are encoded once."""
        scale = 1 / shrink
        small = [cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for image in self.images]
        block = BLOCK // shrink
        across = _tiles_across(self.side // shrink)
        blocks, parts = max(1, TILE // block), max(1, block // TILE)  # along a tile, and tiles along a block

        # keyed by the fields' numbers: a slide has far fewer different tiles than tiles
        @lru_cache(maxsize=4096)
        def tile(kinds: bytes, row: int, column: int) -> bytes:
            grid = np.frombuffer(kinds, np.uint8).reshape(blocks, blocks)
            image = np.vstack([np.hstack([small[kind] for kind in line]) for line in grid])
            return _jpeg(image[row * TILE :, column * TILE :][:TILE, :TILE])

        for row in range(across):
            for column in range(across):
                top, left = row // parts * blocks, column // parts * blocks
                kinds = self.grid[top : top + blocks, left : left + blocks]
                kinds = np.pad(kinds, [(0, blocks - n) for n in kinds.shape])  # glass beyond the edge
                yield tile(kinds.tobytes(), row % parts, column % parts)


def _tiles_across(side: int) -> int:
    return -(-side // TILE)


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def make_slide(out: Path, side: int, fields: int = 40, seed: int = 1) -> MadeSlide:
    """Write a slide of `side` x `side` pixels of 0.201 um with `fields` fields at random places.

    Memory use does not grow with the slide: each tile is written as soon as it is encoded.

    UserError if a number is out of range, or the file exists.
    """
    most = (side // BLOCK) ** 2
    if not BLOCK <= side <= LARGEST:
        raise FieldError("slide", f"{BLOCK} to {LARGEST} pixels", f"{side}", "Choose a number in that range.")
    if not 1 <= fields <= most:
        raise FieldError("fields", f"1 to {most} on such a slide", f"{fields}", "Choose a number in that range.")
    require_new(out)
    slide = MadeSlide(side, fields, seed)
    with complete_or_absent(out) as partial:
        _write(partial, slide)
    return slide


def _write(path: Path, slide: MadeSlide) -> None:
    import tifffile  # a tenth of a second that drawing cells need not spend

    levels = slide.levels()
    total = sum(_tiles_across(slide.side // shrink) ** 2 for shrink in levels)
    with tifffile.TiffWriter(path, bigtiff=True) as writer, progress(total=total, desc="writing", unit="tile") as bar:
        for shrink in levels:
            side = slide.side // shrink
            per_centimetre = 1e4 / (FIELD_MPP * shrink)

            def counted(shrink: int = shrink) -> Iterator[bytes]:
                for tile in slide.tiles(shrink):
                    bar.update()
                    yield tile

            writer.write(
                counted(),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                subsampling=(2, 2),
                compression="jpeg",
                resolution=(per_centimetre, per_centimetre),
                resolutionunit="CENTIMETER",
                subfiletype=int(shrink > 1),
                metadata=None,
                software=False,
            )
