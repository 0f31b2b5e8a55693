"""The cell: the only thing a reader of a data set hands on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.files import digest, sha256_file


@dataclass(frozen=True, order=True)
class Cell:
    """One cell of a data set (paper: "Herlev Dataset", Table 1).

    Attributes
    ----------
    id : str
        Unique within its data set; Herlev's is the stem of the file name.
    image : Path
        The cell's colour image.
    label : int
        0 normal, 1 abnormal.
    class7 : int or None
        0..6 in the order of the paper's Table 1; None where a data set has no such classes.
    centre : (float, float)
        Nucleus centre in pixels, 0-based, x is the column; sub-pixel.
    group : str or None
        Cells of one group (Herlev: the field number) may have been captured together.
    """

    id: str
    image: Path
    label: int
    class7: int | None
    centre: tuple[float, float]
    group: str | None


@dataclass(frozen=True)
class Dataset:
    """Cells with a name; sorted by id, so that no directory order reaches anything after it."""

    name: str
    root: Path
    cells: tuple[Cell, ...]
    class_names: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "cells", tuple(sorted(self.cells, key=lambda cell: cell.id)))

    def fingerprint(self) -> str:
        """Sha256 over every cell's facts and image bytes: two data sets with the same one are the same."""
        rows = [[c.id, c.label, c.class7, list(c.centre), c.group, sha256_file(c.image)] for c in self.cells]
        return digest(self.name, rows)

    def by_id(self) -> dict[str, Cell]:
        """The cells by their id."""
        return {cell.id: cell for cell in self.cells}


def counts(cells: Sequence[Cell], classes: int = 7) -> list[int]:
    """How many cells each of the seven (or two) classes has."""
    values = [cell.class7 if classes == 7 else cell.label for cell in cells]
    return [values.count(index) for index in range(classes)]
