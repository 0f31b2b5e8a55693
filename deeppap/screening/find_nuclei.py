"""The nuclei of one tile, by a detector or by a person, in pixels of the whole image."""

from dataclasses import replace

import numpy as np

from deeppap.screening.look import Look
from deeppap.screening.nuclei.nucleus import Detector, Nucleus
from deeppap.screening.slides.slide import Box
from deeppap.screening.tiles import owned

DIGITS, NOISE = 2, 6  # digits of a centre that are kept, and of those beyond which its tile's own counting shows


def detected(look: Look, detector: Detector, glass: float) -> list[Nucleus]:
    """All nuclei that the detector finds in a tile and its margin, in pixels of the whole image."""
    found = detector.detect(look.for_detector(), detector.work_mpp, background=glass)
    centres = look.from_detector(np.array([(n.x, n.y) for n in found]))
    moved = []
    for nucleus, (x, y) in zip(found, centres, strict=True):
        outline = None if nucleus.outline is None else _settled(look.from_detector(nucleus.outline)).astype(np.float32)
        x, y = map(float, _settled(np.array([x, y])))
        moved.append(replace(nucleus, x=x, y=y, outline=outline))
    return moved


def _settled(values: np.ndarray) -> np.ndarray:
    """Rounded twice: first what a tile's own counting added, so that a half is a half in every tile."""
    return np.round(np.round(values, NOISE), DIGITS)


def own_nuclei(nuclei: list[Nucleus], tile: Box, size: tuple[int, int], tissue) -> list[Nucleus]:
    """Those that the tile owns and that lie in tissue, in order of y and x."""
    if not nuclei:
        return []
    x, y = np.array([n.x for n in nuclei]), np.array([n.y for n in nuclei])
    keep = owned(tile, size, x, y) & tissue.at(x, y)
    return sorted((n for n, kept in zip(nuclei, keep, strict=True) if kept), key=lambda n: (n.y, n.x))
