"""Pascal VOC's XML, a file an image: boxes whose sides are numbers of pixels, the first of which is 1.

roLabelImg writes turned boxes as well (`robndbox`), counted from the corner of the first pixel.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from data_prep.importers.labelled import Box, Labelled, Source, numbers
from deeppap.io.errors import UserError

NAME = "Pascal VOC"
SIDES = ("xmin", "ymin", "xmax", "ymax")
TURNED = ("cx", "cy", "w", "h", "angle")  # its middle, sides, and by how many radians it is turned
MOST = 50_000_000  # bytes


def label_files(source: Source, files: list[Path]) -> list[Path]:
    """The XML files of annotations."""
    return [path for path in files if path.suffix.lower() == ".xml" and b"<annotation" in _head(path)]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2000)


def read(path: Path, source: Source) -> Iterator[Labelled]:
    """The boxes of the file's image."""
    text = path.read_bytes() if path.stat().st_size < MOST else b""
    # an entity could unpack to any length or read another file; no program for labelling writes one
    if not text or b"<!ENTITY" in text:
        found = "an entity" if text else "nothing, or a file too large"
        raise UserError(path, "Pascal VOC's XML", found, "Export it again.")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise UserError(path, "XML", str(error), "Export it again.") from None
    if root.tag != "annotation":  # CVAT's own has all images in one <annotations>
        do = "Export it again as Pascal VOC or COCO."
        raise UserError(path, "Pascal VOC's XML, one file an image", f"<{root.tag}>, such as CVAT's own", do)
    image = source.images.find_own((root.findtext("filename") or path.stem).strip(), path)
    size = [root.findtext(f"size/{side}") or "0" for side in ("width", "height")]  # 0: not stated
    source.require_size(str(path), image, *map(round, numbers(str(path), size, 2, "a size of width and height")))
    for number, entry in enumerate(root.iter("object"), 1):
        where = f"{path}, object {number}"
        with source.reading(where, "an object with name and bndbox"):
            kind = (entry.findtext("name") or "").strip()
            if entry.find("robndbox") is not None:
                yield Labelled(where, image, kind, None, _turned(where, entry))
                continue
            sides = [entry.findtext(f"bndbox/{side}") or "" for side in SIDES]
            left, top, right, bottom = numbers(where, sides, 4, "a bndbox of xmin, ymin, xmax and ymax")
            # both sides are pixels of the box, so its corners are the first one's and that of the one after the last
            box = Box.of_corners(left - 1, top - 1, right, bottom)
            yield Labelled(where, image, kind, None, box)


def _turned(where: str, entry: ElementTree.Element) -> Box:
    """The upright box about a turned one, which has its middle."""
    values = [entry.findtext(f"robndbox/{name}") or "" for name in TURNED]
    x, y, width, height, angle = numbers(where, values, 5, "a robndbox of cx, cy, w, h and angle")
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    across, down = (width * cos + height * sin) / 2, (width * sin + height * cos) / 2
    return Box.of_corners(x - across, y - down, x + across, y + down)
