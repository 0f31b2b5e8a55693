"""The cell: the only thing a reader of a data set hands on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from data_prep.classes import LABELS, SEVEN, CellClass, in_order
from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file

PHANTOM_FILE = "phantom.json"  # tools/make_phantom.py writes it into a set's folder


@dataclass(frozen=True, order=True)
class Cell:
    """One cell of a data set (paper: "Herlev Dataset", Table 1)."""

    id: str  # unique within its data set; Herlev's is the stem of the file name
    image: Path  # in colour
    label: int  # 0 normal, 1 abnormal, 2 neither: no net of two classes takes such a cell
    kind: str  # name of its class; "normal" or "abnormal" where a data set names no other
    centre: tuple[float, float]  # of the nucleus in pixels, 0-based, x is the column; sub-pixel
    group: str | None  # cells of one group (Herlev: the field number) may have been captured together
    pixel_um: float | None = None  # side of a pixel of its image in micrometres; None where nobody says
    scale: float = 1.0  # by how much a net sees its image enlarged (data_prep.pixel_size)
    set_name: str = ""  # which of several sets it comes from
    slide_sha256: str = ""  # of the slide that its image was cut out of


@dataclass(frozen=True)
class Dataset:
    """Cells, and all that differs between data sets; nothing after the reader asks which one it is."""

    name: str
    root: Path
    cells: tuple[Cell, ...]  # sorted by id, so that no directory order reaches anything after it
    # the training views' key in profiles.toml: "unbalanced" gives normal cells more of them (paper: "Patch extraction")
    view_plan: str = "balanced"
    pixel_um: float | None = None  # side of a pixel in micrometres, as a net sees these cells; None where nobody says
    masks: Mapping[str, Path] = field(default_factory=dict)  # by cell id, for the cells that have one
    paper: str | None = None  # where the paper has figures of this very set: their key in deeppap/report/paper.json
    phantom: bool = False  # whether the cells were drawn by a program: no figure of them is a result
    own: bool = False  # whether a net is to tell its own classes apart: only then are cells of neither label in it
    left_out: Mapping[str, int] = field(default_factory=dict)  # cells that are neither, by class, where not in it
    set_names: tuple[str, ...] = ()  # of the sets that it is made of, in their order; empty where it is one

    def __post_init__(self):
        object.__setattr__(self, "cells", tuple(sorted(self.cells, key=lambda cell: cell.id)))

    def dataset_sha(self) -> str:
        """Sha256 over every cell's facts and image bytes: two data sets with the same one are the same."""
        images = {path: sha256_file(path) for path in {cell.image for cell in self.cells}}
        # a net of two classes learns nothing of a set's own names: they count where they are outputs
        number = {one.name: one.name if self.own else None for one in self.classes}
        if self.has_seven:
            number = {one.name: index for index, one in enumerate(self.classes)}
        rows = [[c.id, c.label, number[c.kind], list(c.centre), c.group, images[c.image]] for c in self.cells]
        # a size by itself changes no pixel; where there are several, they decide how large the cells are to each other
        sizes = [c.pixel_um for c in self.cells]
        return digest(self.name, rows, *([sizes] if len(set(sizes)) > 1 else []))

    def stated(self, pixel_um: float) -> "Dataset":
        """The same cells, of images that all have this pixel size in micrometres, whatever they stated."""
        cells = tuple(replace(cell, pixel_um=pixel_um, scale=1.0) for cell in self.cells)
        return replace(self, cells=cells, pixel_um=pixel_um)

    def seen_at(self, pixel_um: float | None) -> "Dataset":
        """The same cells at another pixel size in micrometres, or at the one they have if it is None.

        Raises UserError if the images state no pixel size.
        """
        if pixel_um is None:
            return self
        unstated = next((cell for cell in self.cells if cell.pixel_um is None), None)
        if unstated:
            do = "Add the column pixel_um to the manifest: the side of a pixel in micrometres."
            raise UserError(unstated.image, f"its pixel size, to be seen at {pixel_um:g} um", "none stated", do)
        cells = tuple(replace(cell, scale=cell.pixel_um / pixel_um) for cell in self.cells)
        return replace(self, cells=cells, pixel_um=pixel_um)

    def resampled_um(self) -> tuple[float, ...]:
        """The pixel sizes of the images that are resampled, in micrometres."""
        return tuple(sorted({cell.pixel_um for cell in self.cells if cell.scale != 1}))

    @cached_property
    def classes(self) -> tuple[CellClass, ...]:
        """The classes of its cells, in order; Herlev's seven where all cells are of these."""
        return in_order((cell.kind, cell.label) for cell in self.cells)

    @property
    def has_seven(self) -> bool:
        """Whether the classes are Herlev's."""
        return self.classes == SEVEN

    def left_out_line(self) -> str | None:
        """A line for the user: which cells are not in it since they are neither normal nor abnormal."""
        if not self.left_out:
            return None
        names = ", ".join(f"{name} {count:,}" for name, count in sorted(self.left_out.items()))
        return f"left out: {sum(self.left_out.values()):,} cells that are neither normal nor abnormal ({names})"

    def sets(self) -> "list[Dataset]":
        """Each of the sets that it is made of, with the ids that its cells have here; none where it is one."""
        cells = [(name, tuple(cell for cell in self.cells if cell.set_name == name)) for name in self.set_names]
        return [replace(self, name=name, cells=own, set_names=()) for name, own in cells]

    def by_id(self) -> dict[str, Cell]:
        """The cells by their id."""
        return {cell.id: cell for cell in self.cells}


def by_image(cells: Iterable[Cell]) -> list[Cell]:
    """Cells image after image, the images in the order of their first cells: so each need be read but once."""
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.image, []).append(cell)
    return [cell for group in groups.values() for cell in group]


def counts(cells: Sequence[Cell]) -> tuple[int, ...]:
    """How many cells are normal and abnormal, and where there are any, neither."""
    found = [sum(cell.label == label for cell in cells) for label in range(len(LABELS))]
    return tuple(found if found[-1] else found[:-1])


def is_phantom(root: Path) -> bool:
    """Whether a data set's folder was drawn by tools/make_phantom.py."""
    return (root / PHANTOM_FILE).exists()
