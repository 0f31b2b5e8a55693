"""Nuclei that a person set or corrected, kept so that every tile reads its own alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeppap.io.files import complete_or_absent, sha256_file
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.slides.slide import Box
from deeppap.screening.tiles import owned


@dataclass(frozen=True)
class GivenNuclei:
    """A folder of arrays: `centres` float64 (N, 4) of x, y, area, confidence; `points` of all outlines one after
    another, and `starts` (N + 1) where each begins.
    """

    folder: Path

    def inside(self, tile: Box, size: tuple[int, int]) -> list[Nucleus]:
        """The nuclei that a tile owns."""
        centres, points, starts = (np.load(self.folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in NAMES)
        found = np.flatnonzero(owned(tile, size, centres[:, 0], centres[:, 1]))
        outlines = [np.array(points[starts[i] : starts[i + 1]]) for i in found]
        return [Nucleus(*map(float, centres[i]), o if len(o) else None) for i, o in zip(found, outlines, strict=True)]

    def sha256(self) -> str:
        """Of everything in it."""
        return "".join(sha256_file(self.folder / f"{name}.npy")[:20] for name in NAMES)


NAMES = ("centres", "points", "starts")


def keep_nuclei(folder: Path, nuclei: Iterable[Nucleus]) -> GivenNuclei:
    """Write nuclei, in order of y and x, as a folder of arrays; twice the same point is one nucleus."""
    once = {(round(n.y, 2), round(n.x, 2)): n for n in nuclei}
    ordered = [once[place] for place in sorted(once)]
    rows = [(x, y, n.area_um2, n.confidence) for n in ordered for y, x in [(round(n.y, 2), round(n.x, 2))]]
    outlines = [np.empty((0, 2), np.float32) if n.outline is None else n.outline for n in ordered]
    arrays = {
        "centres": np.array(rows, np.float64).reshape(-1, 4),
        "points": np.concatenate([np.empty((0, 2), np.float32), *outlines]).astype(np.float32),
        "starts": np.cumsum([0, *map(len, outlines)]).astype(np.int64),
    }
    with complete_or_absent(folder) as partial:
        partial.mkdir()
        for name, values in arrays.items():
            np.save(partial / f"{name}.npy", values)
    return GivenNuclei(folder)
