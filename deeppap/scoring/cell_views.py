"""Which views of a cell are scored, and where its pixels come from."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from numbers import Integral
from pathlib import Path

import numpy as np

from data_prep.cells import Cell, by_image
from data_prep.pixel_size import CellImage, read_cell_image, require_pixel_um
from data_prep.views import REACH, Grid, View, neighbourhood, plan_view, read_neighbourhood, render, shifted, spread
from deeppap.io.errors import FieldError, UserError

Region = tuple[np.ndarray, tuple[float, float]]


def scored_text(cells: int, views: int, crops: int) -> str:
    """What is scored, for a reader who does not know what a view and a crop are."""
    kinds = f"{views} view(s) (pictures of the cell, turned and shifted) x {crops} crop(s) (cut-outs of a view)"
    return f"scoring {cells:,} cells, each in {kinds}"


@dataclass(frozen=True)
class ViewChoice:
    """The first `count` views of a test plan, spread over its rotations (paper: Nv); `border` is the net's own."""

    grid: Grid
    count: int
    seed: int
    border: str = "constant"

    def __post_init__(self):
        if not (isinstance(self.count, Integral) and 1 <= self.count <= self.grid.views):
            raise FieldError("views", f"1 to {self.grid.views}", str(self.count), "Choose one in that range.")

    def of(self, name: str) -> list[tuple[int, View]]:
        """The views of the cell `name`, each with its number in the plan."""
        chosen = spread(self.grid.views, self.count)
        return [(i, plan_view(name, "test", self.grid, i, self.seed, self.border)) for i in chosen]

    def reach(self, shift: int) -> int:
        """How far around a centre that was moved by up to `shift` pixels a view's pixels come from."""
        # a centre that was moved out of its image is mirrored too
        return REACH + 2 * shift if self.border == "reflect" else REACH


@dataclass(frozen=True)
class CellViews:
    """A cell on its way to the engine: `read` gives its neighbourhood, uint8 BGR, and the nucleus centre in it."""

    cell: Cell
    read: Callable[[], Region]
    views: list[tuple[int, View]]


def of_data_set(cell: Cell, choice: ViewChoice) -> CellViews:
    """A cell of a data set; its views follow from its id."""
    return CellViews(cell, partial(read_neighbourhood, cell), choice.of(cell.id))


def cells_of_data_set(cells: Iterable[Cell], choice: ViewChoice, shift: int = 0) -> Iterator[CellViews]:
    """As `of_data_set`, of many cells: image after image, each decoded once, here and not where its views are made.

    `shift` moves their true centres by up to so many pixels first (paper: Table 3, delta 5 and 10).
    """
    # one image in memory: the cells come image after image
    read = lru_cache(maxsize=1)(read_cell_image)
    for cell in by_image(cells):
        image = read(cell.image, cell.scale)
        centre = shifted(image.place(cell.centre), cell.id, shift, choice.seed)
        region, inside = neighbourhood(image.pixels, centre, choice.reach(shift))
        yield CellViews(cell, partial(_same, region, inside), choice.of(cell.id))


def of_pixels(image: np.ndarray, centre: tuple[float, float], choice: ViewChoice, source: Path) -> CellViews:
    """An unlabelled cell at (x, y) of an image, uint8 (H, W, 3) BGR; label 0 and no class stand for nothing here.

    Its views follow from the pixels around it and from the centre, so a cell scores the same whatever file or
    row it comes from.
    """
    region, inside = neighbourhood(image, centre)
    # the seed of its views: by file or row the same cell would score differently in another list
    name = hashlib.sha256(repr((region.shape, [f"{v:.3f}" for v in inside])).encode() + region.tobytes()).hexdigest()
    return CellViews(Cell(name, source, 0, "", centre, None), partial(_same, region, inside), choice.of(name))


def of_image(image: CellImage, path: Path, centre: tuple[float, float], choice: ViewChoice) -> CellViews:
    """A cell of an image, its centre as the file has it, and the views at the net's pixel size."""
    found = of_pixels(image.pixels, image.place(centre), choice, path)
    return replace(found, cell=replace(found.cell, centre=centre))


def _same(region: np.ndarray, centre: tuple[float, float]) -> Region:
    return region, centre


def render_views(cell: Cell, views: list[View]) -> np.ndarray:
    """Views of a data set's cell, uint8 (V, 256, 256, 3), BGR."""
    region, centre = read_neighbourhood(cell)
    return np.stack([render(region, centre, view) for view in views])


def scale_to(where: Path | str, training_um: float | None, own_um: float | None) -> float:
    """By how much an image is enlarged to the pixels of a net's training; as it is where that size is unknown.

    UserError if the training set states a pixel size and the image does not.
    """
    require_pixel_um("mpp", own_um)
    if training_um is None:
        return 1.0
    if own_um is None:
        do = "Give `mpp`, micrometres a pixel, or in a list the column pixel_um."
        raise UserError(where, f"its pixel size, since the net was trained at {training_um:g} um", "none given", do)
    return own_um / training_um


def require_inside(image: Path | str, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """The centre (x, y), refused where it lies outside an image of (height, width); `image` is named in the error."""
    height, width = size
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise UserError(image, f"a centre inside its {width} x {height} pixels", f"{x:g},{y:g}", "Give X,Y, 0-based.")
    return float(x), float(y)


def as_pairs(centres: Iterable[Sequence[float]]) -> list[tuple[float, float]]:
    """Centres as pairs of numbers; UserError for anything else, such as one pair that is in no list."""
    try:
        return [(float(x), float(y)) for x, y in centres]
    except (TypeError, ValueError):
        do = "Give a list, also of one centre."
        raise FieldError("centres", "pairs (x, y), as in [(63.5, 71)]", repr(centres)[:60], do) from None
