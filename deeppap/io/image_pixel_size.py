"""The pixel size that a TIFF states, in any of the ways of microscopes and their programs."""

import math
import re
from typing import NamedTuple
from xml.etree import ElementTree

from deeppap.io.names import to_number

# micrometres a pixel that a microscope can have; other values in a file are a program's default, such as 72 dpi
PIXEL_SIZES = (0.05, 2.0)
PER_UNIT = {2: 25_400.0, 3: 10_000.0}  # micrometres in ResolutionUnit's inch and centimetre
UNITS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "\\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("m", "meter"), 1e6),
    **dict.fromkeys(("inch", "in"), 25_400.0),
}
NUMBER = r"[^\"|\s]{1,40}"


def is_possible(size: float) -> bool:
    """Whether a microscope can have this side of a pixel, in micrometres; not of nan."""
    return PIXEL_SIZES[0] <= size <= PIXEL_SIZES[1]


class PixelSize(NamedTuple):
    """Micrometres a pixel along each axis, not a number where the file states none; and what it states, in words."""

    x: float = math.nan
    y: float = math.nan
    words: str = "none"


def tiff_pixel_size(file, page) -> PixelSize:
    """The pixel size of a TIFF's first picture: OME's, Philips', Aperio's, ImageJ's or that of resolution tags."""
    # vendors write what they know into the description; the tags were made for printers
    text = page.description or ""
    # resolution tags last: many programs write 72 or 96 dots an inch there, which is no size of a pixel
    for stated in (_ome(file.ome_metadata or text), _philips(text), _aperio(text), _imagej(text, page)):
        if stated:
            return stated
    return _resolution(page)


def _ome(text: str) -> PixelSize | None:
    if "<OME" not in text and ":OME" not in text:
        return None
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError:  # a word of a description, or XML that nobody can read
        return None
    pixels = next((one for one in root.iter() if one.tag.rsplit("}", 1)[-1] == "Pixels"), None)
    values = {} if pixels is None else {axis: pixels.get(f"PhysicalSize{axis}") for axis in "XY"}
    if not any(values.values()):
        return None
    units = {axis: pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XY"}
    if any(units[axis] not in UNITS for axis in "XY" if values[axis]):  # such as pixels: no size at all
        return None
    found = [to_number(values[axis]) * UNITS.get(units[axis], math.nan) for axis in "XY"]
    words = " x ".join(f"{values[axis] or 'none'} {units[axis]}" for axis in "XY")
    return PixelSize(*found, f"{words} (OME)")


def _philips(text: str) -> PixelSize | None:
    """DICOM's spacing of rows, then of columns, in millimetres; the smallest is the full size's."""
    spacing = (
        rf'"DICOM_PIXEL_SPACING"[^>]*>\s*(?:&quot;|")({NUMBER}?)(?:&quot;|")\s+(?:&quot;|")({NUMBER}?)(?:&quot;|")'
    )
    found = re.findall(spacing, text)
    if not found:
        return None
    y, x = min(found, key=lambda pair: to_number(pair[0]) if to_number(pair[0]) > 0 else math.inf)
    return PixelSize(1e3 * to_number(x), 1e3 * to_number(y), f"{x} x {y} mm (Philips)")


def _aperio(text: str) -> PixelSize | None:
    found = re.search(rf"\bMPP\s*=\s*({NUMBER})", text)
    return found and PixelSize(*[to_number(found[1])] * 2, f"MPP = {found[1]} (Aperio)")


def _imagej(text: str, page) -> PixelSize | None:
    """ImageJ writes the unit in its description, and pixels a unit in the resolution tags."""
    unit = re.search(r"^unit=(.*)$", text, re.MULTILINE)
    if not text.startswith("ImageJ=") or not unit or unit[1].strip().lower() not in UNITS:
        return None
    factor = UNITS[unit[1].strip().lower()]
    x, y = (factor * size for size in _sizes(page))
    return None if math.isnan(x) else PixelSize(x, y, f"{x / factor:g} x {y / factor:g} {unit[1].strip()} (ImageJ)")


def _resolution(page) -> PixelSize:
    factor = PER_UNIT.get(to_number(page.tags.valueof("ResolutionUnit", default=2)))
    x, y = _sizes(page)
    if not factor or math.isnan(x):
        return PixelSize()
    return PixelSize(x * factor, y * factor, f"{x * factor:.4g} x {y * factor:.4g} um (resolution tags)")


def _sizes(page) -> list[float]:
    """Units a pixel, from fractions of pixels and units."""
    sizes = []
    for name in ("XResolution", "YResolution"):
        value = page.tags.valueof(name)
        whole = isinstance(value, tuple) and len(value) == 2 and all(value)
        sizes.append(value[1] / value[0] if whole else math.nan)
    return sizes
