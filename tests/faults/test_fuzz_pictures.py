"""Small pictures with damaged bytes: the same pixels, or a refusal in one line; never another picture without a word.

What no reader can know is left out of that rule: a changed byte among pixels that have no checksum (BMP, JPEG, TIFF
that is not deflated), in JPEG's tables, or in the predictor of a TIFF, may give another picture. There no more is asked
than that nothing but a picture or a refusal comes back. `PICTURE_MUTATIONS` is how many are tried of each format.
"""

import os
import resource
import time
import zlib
from collections import Counter
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, read_field, read_image, read_mask
from tests.support.pictures import encoded, tiff_bytes

MUTATIONS = int(os.environ.get("PICTURE_MUTATIONS", "40"))
SLOWEST, MEMORY = 30, 1 << 20  # seconds of one file, and kB that all may add to the process
HEIGHT, WIDTH = 20, 24
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
NOISE = np.random.default_rng(5).integers(0, 20, (HEIGHT, WIDTH, 3), np.uint8)
PICTURE = np.dstack([COLUMNS * 7 + 40, ROWS * 9 + 30, (COLUMNS + ROWS) * 5 + 20]).astype(np.uint8) + NOISE


def written(suffix: str, *options: int) -> bytes:
    return encoded(suffix, PICTURE, *options)


def tiff(**options) -> bytes:
    return tiff_bytes(PICTURE[..., ::-1], **{"rowsperstrip": 7, **options})


class Kind(NamedTuple):
    """A small file, and the first bytes of it that no damage may change unseen; all of them if `checked` is None."""

    data: bytes
    checked: int | None = 0
    tile: int = 1  # sides that differ within one tile are not known either: the last tile is filled up


JPEG = written(".jpg")
KINDS = {
    "png": Kind(written(".png"), None),
    "png of one filter": Kind(written(".png", cv2.IMWRITE_PNG_FILTER, 8), None),
    "bmp": Kind(written(".bmp"), 54),
    "jpeg": Kind(JPEG, JPEG.index(b"\xff\xdb")),
    "jpeg progressive": Kind(written(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "tif": Kind(tiff()),
    "tif tiles": Kind(tiff(tile=(16, 16))),
    "tif deflate": Kind(tiff(compression="deflate"), None),
    "tif deflate tiles": Kind(tiff(compression="deflate", tile=(16, 16), bigtiff=True), None, 16),
    "tif deflate predicted": Kind(tiff(compression="deflate", predictor=True)),
    "tif lzw": Kind(tiff(compression="lzw", predictor=True)),
    "tif packbits": Kind(tiff(compression="packbits")),
    "tif zstd": Kind(tiff(compression="zstd", byteorder=">")),
    "tif jpeg": Kind(tiff(compression="jpeg", rowsperstrip=16)),
    "tif by libtiff": Kind(written(".tiff")),
    "ome": Kind(tiff(ome=True, metadata={"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25})),
}


def damaged(data: bytes, rng: np.random.Generator, before: int | None) -> bytes:
    """Some bytes replaced, inserted, taken out, zeroed or cut off; only replaced if they lie `before` a place."""
    found = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        # headers and directories are short, so half of the damage goes there
        at = int(rng.integers(0, before or (len(found) if rng.random() < 0.5 else min(len(found), 300)) or 1))
        change = rng.integers(0, 3 if before else 7)
        count = int(rng.integers(1, 9))
        if change == 0:
            found[at : at + 1] = rng.bytes(1)
        elif change == 1 and at < len(found):
            found[at] ^= 1 << int(rng.integers(0, 8))
        elif change == 2:
            place = slice(at, min(at + count, before or len(found)))
            found[place] = bytes(len(found[place]))
        elif change == 3:
            found[at:at] = rng.bytes(count)
        elif change == 4:
            del found[at : at + count]
        elif change == 5:
            found[at : at + 5 * count] = rng.bytes(len(found[at : at + 5 * count]))
        elif rng.random() < 0.3:
            del found[at:]
    return bytes(found)


def read_or_refused(function, path):
    """What a way of reading gives, or None where it refused in one printable line; never a traceback, nor for long."""
    began = time.monotonic()
    try:
        return function(path)
    except UserError as error:
        assert str(error).isprintable()
        return None
    finally:
        assert time.monotonic() - began < SLOWEST


@pytest.mark.parametrize("name", KINDS)
def test_damage_is_seen_or_changes_nothing(tmp_path, name, record_property):
    kind = KINDS[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of other tests in this process
    path = tmp_path / "picture"
    path.write_bytes(kind.data)
    whole = read_image(path)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    counts = Counter()
    for number in range(MUTATIONS):
        inside = bool(kind.checked) and number % 2 == 0
        data = damaged(kind.data, rng, kind.checked if inside else None)
        path.write_bytes(data)
        pixels = read_or_refused(read_image, path)
        if number % 16 == 0:
            for other in (read_field, read_mask, image_size):
                read_or_refused(other, path)
        if pixels is None:
            counts["refused"] += 1
            continue
        same = np.array_equal(pixels, whole)
        counts["same" if same else "another picture"] += 1
        if not same and (kind.checked is None or inside):
            high, wide = (min(pair) for pair in zip(pixels.shape[:2], whole.shape[:2], strict=True))
            assert kind.tile > 1 and np.array_equal(pixels[:high, :wide], whole[:high, :wide]), (name, number)
            assert -(-pixels.shape[0] // kind.tile) == -(-whole.shape[0] // kind.tile), (name, number)
    print(f"{name}: {dict(counts)}")
    assert counts["refused"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY
