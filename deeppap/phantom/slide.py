"""A made slide: a big pyramidal tiled TIFF of repeated phantom fields, written as a stream."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from deeppap.io.errors import UserError
from deeppap.io.extras import extra
from deeppap.io.files import complete_or_absent
from deeppap.phantom.draw_fields import field_of
from deeppap.phantom.field import FIELD_MPP
from deeppap.phantom.styles import PAP_BACKGROUND

TILE = 256  # pixels, as scanners write
BLOCK = 1024  # a field's side: whole tiles at levels 1 and 1/4
STEP = 4  # between the levels of the pyramid
VARIETY = 4  # different fields
CELLS = 22  # in a field
QUALITY = 90
LARGEST = 200_000

_PLACES = 105  # place of random numbers beside the set's own


class MadeSlide:
    """Fields on a grid of blocks; the other blocks are empty glass."""

    def __init__(self, side: int, fields: int, seed: int):
        self.side, self.blocks = side, -(-side // BLOCK)
        drawn = [field_of(seed, number, CELLS, (BLOCK, BLOCK)) for number in range(min(VARIETY, fields))]
        glass = np.full((BLOCK, BLOCK, 3), PAP_BACKGROUND, np.uint8)
        self.images, self.cells = [glass, *(image for image, _ in drawn)], [[], *(cells for _, cells in drawn)]
        whole = side // BLOCK  # a block that the edge cuts stays empty
        rng = np.random.default_rng(np.random.SeedSequence((seed, _PLACES)))
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
        """How many times smaller each level of the pyramid is: 1, 4, 16, ..."""
        found = [1]
        while self.side // found[-1] > BLOCK:
            found.append(found[-1] * STEP)
        return found

    def tiles(self, shrink: int) -> Iterator[bytes]:
        """The JPEG tiles of one level, row by row; equal tiles are made once."""
        fx = 1 / shrink
        small = [cv2.resize(image, None, fx=fx, fy=fx, interpolation=cv2.INTER_AREA) for image in self.images]

        @lru_cache(maxsize=4096)
        def mosaic(key: bytes, shape: tuple[int, int]) -> bytes:
            return _jpeg(_mosaic(small, np.frombuffer(key, np.uint8).reshape(shape)))

        @lru_cache(maxsize=4096)
        def cut(kind: int, row: int, column: int) -> bytes:
            return _jpeg(_part(small[kind], row, column))

        across = -(-(self.side // shrink) // TILE)
        block = BLOCK // shrink
        for row in range(across):
            for column in range(across):
                if block >= TILE:
                    per = block // TILE
                    kind = int(self.grid[row // per, column // per])
                    yield cut(kind, row % per, column % per)
                else:
                    per = TILE // block
                    part = self.grid[row * per : (row + 1) * per, column * per : (column + 1) * per]
                    part = np.pad(part, [(0, per - n) for n in part.shape])
                    yield mosaic(part.tobytes(), part.shape)


def _part(image: np.ndarray, row: int, column: int) -> np.ndarray:
    return image[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]


def _mosaic(images: list[np.ndarray], grid: np.ndarray) -> np.ndarray:
    return np.vstack([np.hstack([images[kind] for kind in row]) for row in grid])


def _jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def make_slide(out: Path, side: int, fields: int = 40, seed: int = 1) -> MadeSlide:
    """Write a slide of `side` x `side` pixels of 0.201 um with `fields` fields laid on it at random.

    Memory stays flat: tiles are written as they are made, and equal ones are encoded once.

    Raises
    ------
    UserError
        For a side or a number out of range, or a file that is there.
    """
    most = (side // BLOCK) ** 2
    if not BLOCK <= side <= LARGEST:
        raise UserError("--slide", f"{BLOCK} to {LARGEST} pixels", f"{side}", "Choose a number in that range.")
    if not 1 <= fields <= most:
        raise UserError("--fields", f"1 to {most} on so small a slide", f"{fields}", "Choose a number in that range.")
    if out.exists():
        raise UserError(out, "no such file", "one that is there", "Choose another name; this one is not touched.")
    slide = MadeSlide(side, fields, seed)
    with complete_or_absent(out) as partial:
        _write(partial, slide)
    return slide


def _write(path: Path, slide: MadeSlide) -> None:
    tifffile = extra("tifffile", "TIFF", "slides")
    extra("imagecodecs", "a slide's JPEG tiles", "slides")  # scikit-image brings tifffile, and not this
    levels = slide.levels()
    total = sum((-(-(slide.side // shrink) // TILE)) ** 2 for shrink in levels)
    with (
        tifffile.TiffWriter(path, bigtiff=True) as writer,
        tqdm(total=total, desc="writing", unit="tile", disable=None) as bar,
    ):
        for shrink in levels:
            side = slide.side // shrink
            centimetre = 1e4 / (FIELD_MPP * shrink)

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
                resolution=(centimetre, centimetre),
                resolutionunit="CENTIMETER",
                subfiletype=int(shrink > 1),
                metadata=None,
                software=False,
            )
