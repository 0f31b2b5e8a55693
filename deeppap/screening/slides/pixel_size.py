"""The pixel size that a TIFF states: in OME's XML, in a scanner's description, or as its resolution."""

import re
from pathlib import Path

from deeppap.screening.slides.slide import one_pixel_size

PER_UNIT = {2: 25_400.0, 3: 10_000.0}  # micrometres in an inch and in a centimetre
OME_UNITS = {"µm": 1.0, "um": 1.0, "μm": 1.0, "nm": 1e-3, "mm": 1e3}


def tiff_pixel_size(path: Path, page, description: str) -> float | None:
    """Micrometres a pixel, None where the file states none that a microscope could have."""
    sizes = _ome(description) or _scanner(description) or _resolution(page)
    return one_pixel_size(path, *sizes) if sizes else None


def _ome(description: str) -> tuple[float, float] | None:
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", description)
    if not pixels:
        return None
    found = []
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([-+.\deE]+)"', pixels[0])
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]*)"', pixels[0])
        factor = OME_UNITS.get(unit[1] if unit else "µm")
        value = _number(size[1]) if size else None
        if value is None or factor is None:
            return None
        found.append(value * factor)
    return found[0], found[1]


def _scanner(description: str) -> tuple[float, float] | None:
    found = re.search(r"\bMPP\s*=\s*([.\d]+)", description)
    value = _number(found[1]) if found else None
    return (value, value) if value else None


def _resolution(page) -> tuple[float, float] | None:
    unit = page.tags.valueof("ResolutionUnit", default=2)
    found = []
    for name in ("XResolution", "YResolution"):
        value = page.tags.valueof(name)
        if not value or not value[0] or not value[1] or int(unit) not in PER_UNIT:
            return None
        found.append(PER_UNIT[int(unit)] * value[1] / value[0])
    return found[0], found[1]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
