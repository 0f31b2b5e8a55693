"""What a header claims is compared with what the file holds before memory is taken."""

import json
import struct
import subprocess
import sys
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile

from tests.support.checkout import ROOT
from tests.support.pictures import png_bytes, tiff_bytes

MEMORY, SECONDS = 150_000, 20  # kB more than after the imports, and how long one file may take
PICTURE = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
READ = """
import json, resource, sys, time
from pathlib import Path
import cv2, imagecodecs, PIL.Image, simplejpeg, tifffile
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, read_image, read_mask
from deeppap.screening.slides.open_slide import open_slide
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    before, began, said = peak(), time.monotonic(), []
    for way in (read_image, read_mask, image_size, open_slide):
        try:
            way(Path(path))
            said.append(None)
        except UserError as error:
            said.append(str(error))
    print(json.dumps([said, peak() - before, time.monotonic() - began]))
"""


def png(width: int, height: int, depth: int = 8, kind: int = 2) -> bytes:
    return png_bytes(width, height, bytes(100_000), depth, kind)


def jpeg(height: int, width: int) -> bytes:
    data = bytearray(cv2.imencode(".jpg", PICTURE)[1].tobytes())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def many_scans() -> bytes:
    """A progressive JPEG of 64 million pixels whose first scan is repeated 3,000 times."""
    image = np.zeros((8000, 8000), np.uint8)
    image[0, 0] = 255
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    last = data.rindex(b"\xff\xda")
    return data[:last] + 3000 * data[last:-2] + data[-2:]


def tiff(changes: dict[int, tuple] | None = None, pixels=PICTURE, **options) -> bytes:
    """A TIFF, some tags of which are given other types, counts and values."""
    data = bytearray(tiff_bytes(pixels, **options))
    with tifffile.TiffFile(BytesIO(data)) as file:
        places = {tag.code: tag.offset for tag in file.pages[0].tags}
    for code, (kind, count, value) in (changes or {}).items():
        struct.pack_into("<HHII", data, places[code], code, kind, count, value)
    return bytes(data)


def directories(count: int) -> bytes:
    """A TIFF of very many directories."""
    data = bytearray(tiff())
    with tifffile.TiffFile(BytesIO(data)) as file:
        link = file.pages[0].offset + 2 + 12 * len(file.pages[0].tags)
    struct.pack_into("<I", data, link, len(data))
    for _ in range(count):
        data += struct.pack("<HHHIII", 1, 256, 4, 1, 24, len(data) + 18)
    return bytes(data)


def inner_jpeg() -> bytes:
    """A tile of 16 x 16 that holds a JPEG of 40,000 x 40,000."""
    data = tiff(compression="jpeg", tile=(16, 16))
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", 40_000, 40_000) + data[at + 4 :]


CLAIMS = {
    "png, wide and tall": png(10_000, 10_000),
    "png of 16 bits": png(9_999, 9_999, 16, 6),
    "png, a chunk beyond the end": png(24, 20)[:33] + struct.pack(">I", 2**31 - 1) + png(24, 20)[37:],
    "jpeg, wide and tall": jpeg(65_500, 65_500),
    "jpeg of 3,000 scans": many_scans(),
    "tif, wide": tiff({256: (4, 1, 2**31)}),
    "tif, tall in one strip": tiff({257: (4, 1, 30_000_000), 278: (4, 1, 30_000_000)}),
    "tif, tiles of 2^31": tiff({322: (4, 1, 2**31), 323: (4, 1, 2**31)}, tile=(32, 32)),
    "tif, a billion strips": tiff({273: (4, 10**9, 8), 279: (4, 10**9, 8)}),
    "tif, tiles of 8192, deflated": tiff(
        dict.fromkeys((256, 257, 322, 323), (4, 1, 8192)), tile=(32, 32), compression="deflate"
    ),
    "tif, 300,000 directories": directories(300_000),
    "tif, a large JPEG in a tile": inner_jpeg(),
}


def test_a_claim_takes_no_memory(tmp_path):
    """All are read in one process: its peak would hide no file that takes more than the ones before it."""
    for number, data in enumerate(CLAIMS.values()):
        (tmp_path / f"{number}.tif").write_bytes(data)
    command = [sys.executable, "-c", READ, *(tmp_path / f"{number}.tif" for number in range(len(CLAIMS)))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert not done.stderr
    grown = 0
    for name, line in zip(CLAIMS, done.stdout.splitlines(), strict=True):
        said, memory, seconds = json.loads(line)
        grown += memory
        assert said[0], name
        assert grown < MEMORY and seconds < SECONDS, (name, said)


@pytest.mark.parametrize("limit", ["Image.MAX_IMAGE_PIXELS = 1", "Image.MAX_IMAGE_PIXELS = None"])
def test_the_bound_on_pixels_is_nobodys_else(tmp_path, limit):
    """Pillow has one that any package may set, OpenCV one that a variable of the environment sets at its import."""
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), PICTURE)
    code = f"from PIL import Image; {limit}\nfrom deeppap.io.image_file import read_image\n"
    code += "from pathlib import Path; import sys; print(read_image(Path(sys.argv[1])).shape)"
    environment = {"OPENCV_IO_MAX_IMAGE_PIXELS": "1", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "(20, 24, 3)"
