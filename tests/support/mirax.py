"""A MIRAX slide (MRXS), drawn: photos at places of their own, as 3DHISTECH's scanners write them.

openslide.org/formats/mirax describes the files. Between the photos nothing was scanned.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

PHOTO = 160  # pixels a side of what the camera takes at once
LEVELS = 3  # of full size, a half and a quarter
WHITE = 0xFFFFFF  # what the scanner writes where a picture of a lower level has no photo
UUID = "0123456789abcdef0123456789abcdef"
LEVEL = f"""\
[LEVEL_{{0}}]
OVERLAP_X = 0
OVERLAP_Y = 0
MICROMETER_PER_PIXEL_X = {{1}}
MICROMETER_PER_PIXEL_Y = {{1}}
IMAGE_FORMAT = PNG
IMAGE_FILL_COLOR_BGR = {WHITE}
DIGITIZER_WIDTH = {PHOTO}
DIGITIZER_HEIGHT = {PHOTO}
IMAGE_CONCAT_FACTOR = {{2}}
"""


def write_mrxs(path: Path, size: tuple[int, int], areas: Mapping[tuple[int, int], np.ndarray], mpp: float) -> Path:
    """A slide of about (width, height) of which the scanner took pictures, BGR, at some places (x, y) alone.

    A picture's sides are multiples of PHOTO. Two pictures do not touch.
    """
    columns, rows = (-(-n // PHOTO) for n in size)
    positions = np.zeros((rows, columns), [("flag", "u1"), ("x", "<i4"), ("y", "<i4")])
    photos = {}
    for (left, top), area in areas.items():
        for y in range(0, area.shape[0], PHOTO):
            for x in range(0, area.shape[1], PHOTO):
                place = (top + y) // PHOTO, (left + x) // PHOTO
                positions[place] = 0, left + x, top + y
                photos[place] = area[y : y + PHOTO, x : x + PHOTO]
    data = bytearray(positions.tobytes())
    pages = [_level(photos, 1 << level, columns, data) for level in range(LEVELS)]
    folder = path.with_suffix("")
    folder.mkdir()
    (folder / "Data0000.dat").write_bytes(data)
    (folder / "Index.dat").write_bytes(_index(pages, positions.nbytes))
    (folder / "Slidedat.ini").write_text(_slidedat(columns, rows, mpp))
    preview = cv2.resize(next(iter(areas.values())), (PHOTO, PHOTO), interpolation=cv2.INTER_AREA)
    path.write_bytes(cv2.imencode(".jpg", preview)[1].tobytes())
    return path


def _level(photos: Mapping[tuple[int, int], np.ndarray], shrink: int, columns: int, data: bytearray) -> list[bytes]:
    """Add the pictures of a level to `data`, each of `shrink` x `shrink` photos; returns their entries of the index."""
    side, entries = PHOTO // shrink, []
    for top, left in sorted({(row - row % shrink, column - column % shrink) for row, column in photos}):
        picture = np.full((PHOTO, PHOTO, 3), 255, np.uint8)
        for row in range(shrink):
            for column in range(shrink):
                if (photo := photos.get((top + row, left + column))) is not None:
                    small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
                    picture[row * side : (row + 1) * side, column * side : (column + 1) * side] = small
        png = cv2.imencode(".png", picture)[1].tobytes()
        entries.append(struct.pack("<4i", top * columns + left, len(data), len(png), 0))
        data += png
    return entries


def _index(levels: list[list[bytes]], positions: int) -> bytes:
    """The index: where each level's pictures lie in the data, and the `positions` bytes of the photos' places."""
    head = f"01.02{UUID}".encode()
    # two roots, their lists of pointers (a level each; one record), then the pages that these point to
    lists = len(head) + 8
    pages = [struct.pack("<2i", len(entries), 0) + b"".join(entries) for entries in levels]
    pages.append(struct.pack("<7i", 1, 0, 0, 0, 0, positions, 0))
    starts, body = [], b""
    for page in pages:
        at = lists + 4 * len(pages) + len(body)
        starts.append(at)
        body += struct.pack("<2i", 0, at + 8) + page
    return head + struct.pack(f"<{2 + len(starts)}i", lists, lists + 4 * len(levels), *starts) + body


def _slidedat(columns: int, rows: int, mpp: float) -> str:
    sections = "".join(f"HIER_0_VAL_{level}_SECTION = LEVEL_{level}\n" for level in range(LEVELS))
    levels = "".join(LEVEL.format(level, mpp * (1 << level), int(level > 0)) for level in range(LEVELS))
    return f"""\
[GENERAL]
SLIDE_VERSION = 01.02
SLIDE_ID = {UUID}
IMAGENUMBER_X = {columns}
IMAGENUMBER_Y = {rows}
OBJECTIVE_MAGNIFICATION = 40
[HIERARCHICAL]
INDEXFILE = Index.dat
HIER_COUNT = 1
HIER_0_NAME = Slide zoom level
HIER_0_COUNT = {LEVELS}
{sections}NONHIER_COUNT = 1
NONHIER_0_NAME = VIMSLIDE_POSITION_BUFFER
NONHIER_0_COUNT = 1
[DATAFILE]
FILE_COUNT = 1
FILE_0 = Data0000.dat
{levels}"""
