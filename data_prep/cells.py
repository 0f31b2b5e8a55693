"""The cell: the only thing a reader of a data set hands on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deeppap.io.files import digest, sha256_file

PHANTOM_FILE = "phantom.json"  # tools/make_phantom.py writes it into a set's folder


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
    """Cells, and all that differs between data sets; nothing after the reader asks which one it is.

    Attributes
    ----------
    name : str
    root : Path
    cells : tuple of Cell
        Sorted by id, so that no directory order reaches anything after it.
    class_names : tuple of str
        Of the seven classes where the cells have them, else of the two labels.
    view_plan : str
        The training views' key in profiles.toml: "unbalanced" gives normal cells more of them (paper: "Patch
        extraction"), "balanced" all cells as many.
    pixel_um : float or None
        Side of a pixel in micrometres; None where nobody says.
    masks : mapping of str to Path
        Cell id to the mask with that cell's nucleus, for the cells that have one.
    kinds : mapping of str to str
        Cell id to what the set itself calls the cell, such as its Bethesda class, for sets that have such names.
    paper : str or None
        Where the paper has figures of this very set: their key in reporting/paper.json.
    phantom : bool
        Whether the cells were drawn by a program: no figure of them is a result.
    """

    name: str
    root: Path
    cells: tuple[Cell, ...]
    class_names: tuple[str, ...]
    view_plan: str = "balanced"
    pixel_um: float | None = None
    masks: Mapping[str, Path] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    paper: str | None = None
    phantom: bool = False

    def __post_init__(self):
        object.__setattr__(self, "cells", tuple(sorted(self.cells, key=lambda cell: cell.id)))

    def dataset_sha(self) -> str:
        """Sha256 over every cell's facts and image bytes: two data sets with the same one are the same."""
        images = {path: sha256_file(path) for path in {cell.image for cell in self.cells}}
        rows = [[c.id, c.label, c.class7, list(c.centre), c.group, images[c.image]] for c in self.cells]
        return digest(self.name, rows)

    def by_id(self) -> dict[str, Cell]:
        """The cells by their id."""
        return {cell.id: cell for cell in self.cells}


def by_image(cells: Iterable[Cell]) -> list[Cell]:
    """Cells image after image, the images in the order of their first cells: so each need be read but once."""
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.image, []).append(cell)
    return [cell for group in groups.values() for cell in group]


def counts(cells: Sequence[Cell], classes: int = 7) -> list[int]:
    """How many cells each of the seven (or two) classes has."""
    values = [cell.class7 if classes == 7 else cell.label for cell in cells]
    return [values.count(index) for index in range(classes)]


def is_phantom(root: Path) -> bool:
    """Whether a data set's folder was drawn by tools/make_phantom.py."""
    return (root / PHANTOM_FILE).exists()
