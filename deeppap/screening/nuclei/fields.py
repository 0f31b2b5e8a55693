"""Folders of fields with the points or masks of their nuclei, as a command line names them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from data_prep.nucleus import require_background
from deeppap.io.errors import FieldError, UserError
from deeppap.io.image_file import files_of, read_field, read_mask
from deeppap.io.names import to_number
from deeppap.screening.nuclei.points_csv import CsvPoint, read_points
from deeppap.screening.slides.slide import require_pixel_size

IMAGES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
MASK = "_GT"
ONE_CSV = "nuclei.csv"
SHAPES = f"Give images with <stem>.csv (row,col, 1-based), {ONE_CSV} (image,nucleus_x,nucleus_y), or <stem>{MASK}.png."
SMALLEST = 20  # pixels of a mask's component; a smaller one is left over from an anti-aliased edge


@dataclass(frozen=True)
class Field:
    """One field of view and what is known of its nuclei."""

    path: Path
    points: np.ndarray  # centres, float64 (N, 2) of x, y, 0-based
    labels: tuple[str, ...] = ()  # the class of each cell, if classes are known
    mask_path: Path | None = None
    group: str = ""  # fields of one group are kept in one fold; without one a field is its own

    @property
    def name(self) -> str:
        """The image's name without its extension."""
        return self.path.stem

    def image(self) -> np.ndarray:
        """The image, uint8 (H, W) or (H, W, 3) BGR."""
        return read_field(self.path)

    def mask(self) -> np.ndarray | None:
        """The nuclei, int32 (H, W): 0 outside and 1..N in the nucleus of that point; None without a mask."""
        return None if self.mask_path is None else read_nuclei_mask(self.mask_path)[0]


@dataclass(frozen=True)
class FieldSet:
    """Fields of one pixel size; `incomplete` if their marks are not exhaustive, or not in the middle of the nuclei."""

    fields: Sequence[Field]
    mpp: float
    incomplete: bool = False
    name: str = field(default="fields")


def open_sets(folders: Sequence[Path], sizes: Sequence[float], incomplete: Sequence[str] = ()) -> list[FieldSet]:
    """One set a folder; one pixel size for all, or one for each; `incomplete` names the folders with incomplete marks.

    Raises UserError for a number of pixel sizes that fits no folder, and a name in `incomplete` that is no folder's.
    """
    if len(sizes) not in (1, len(folders)):
        do = "Give `mpp` once for all, or once for each folder, in their order."
        raise FieldError("mpp", f"1 or {len(folders)} pixel sizes", f"{len(sizes)}", do)
    # resolved, so that `.` has a name too
    names = [Path(folder).resolve().name for folder in folders]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        do = "Results are listed by that name: rename one, or give one of them."
        raise FieldError("fields", "folders of different names", f"{twice} twice", do)
    if unknown := set(incomplete) - set(names):
        do = "Correct the name."
        raise FieldError("incomplete", f"names among {', '.join(names)}", ", ".join(sorted(unknown)), do)
    for size in sizes:
        require_pixel_size(size)
    sizes = list(sizes) * (len(folders) if len(sizes) == 1 else 1)
    return [
        FieldSet(read_fields(Path(folder)), size, name in incomplete, name)
        for folder, size, name in zip(folders, sizes, names, strict=True)
    ]


def split_sets(sets: Sequence[FieldSet], fold: int, folds: int, seed: int) -> tuple[list[FieldSet], list[FieldSet]]:
    """The training and the test fields of one fold, every group of fields whole, every set split by itself.

    Raises UserError if a set has fewer groups of fields than there are folds.
    """
    train, test = [], []
    for one in sets:
        groups = list(dict.fromkeys(f.group or f.name for f in one.fields))
        if len(groups) < folds:
            raise UserError(one.name, f"at least {folds} fields apart", f"{len(groups)}", "Use fewer folds.")
        # a set's folds do not depend on which other sets are given
        order = np.random.default_rng([seed, len(groups)]).permutation(len(groups))
        held = {groups[index] for index in order[fold::folds]}
        for part, want in ((train, False), (test, True)):
            part.append(replace(one, fields=[f for f in one.fields if ((f.group or f.name) in held) == want]))
    return train, test


def read_fields(folder: Path) -> list[Field]:
    """Every field of a folder that has points or a mask, by name; other images are ignored.

    Raises UserError for a folder without such fields, and for points that cannot be read or lie outside their image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(folder, "a folder of fields", "no such folder", SHAPES)
    images = [p for p in files_of(folder) if p.suffix.lower() in IMAGES and not p.stem.endswith(MASK)]
    if (folder / ONE_CSV).is_file():
        fields = _by_one_csv(folder / ONE_CSV, images)
    else:
        fields = [field for image in images if (field := _by_its_own_file(image))]
    if not fields:
        raise UserError(folder, "fields with points or masks", f"{len(images)} images and none of either", SHAPES)
    return fields


def _by_its_own_file(image: Path) -> Field | None:
    points, mask = image.with_suffix(".csv"), image.with_name(f"{image.stem}{MASK}.png")
    if points.is_file():
        return Field(image, _require_inside(points, _read_row_col(points), image))
    if not mask.is_file():
        return None
    numbers, centres = read_nuclei_mask(mask)
    (height, width), (high, wide) = read_field(image).shape[:2], numbers.shape
    if (height, width) != (high, wide):
        expected = f"a mask of {image.name}'s size {width} x {height}"
        raise UserError(mask, expected, f"{wide} x {high}", "Get image and mask from one source.")
    return Field(image, centres, mask_path=mask)


def _read_row_col(path: Path) -> np.ndarray:
    """Points of a CSV of `row,col`, 1-based, without a header: float64 (N, 2) of x, y, 0-based."""
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(path, "a UTF-8 CSV file", str(error), SHAPES) from None
    points = []
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        place = [to_number(text) - 1 for text in reversed(row)]
        if len(place) != 2 or not np.isfinite(place).all():
            raise UserError(f"{path}, line {number}", "two numbers", ",".join(row)[:80], SHAPES)
        points.append(place)
    return np.array(points, np.float64).reshape(-1, 2)


def _by_one_csv(path: Path, images: list[Path]) -> list[Field]:
    known = {image.name: image for image in images}
    points: dict[str, list[CsvPoint]] = {}
    for point in read_points(path):
        if point.image not in known:
            missing = (point.image or "nothing")[:80]
            raise UserError(point.where, "an image of this folder", missing, "Add it, or correct the name.")
        points.setdefault(point.image, []).append(point)
    fields = []
    for name, own in sorted(points.items()):
        places = _require_inside(path, np.array([(point.x, point.y) for point in own]), known[name])
        labels = tuple(point.label or "" for point in own)
        fields.append(Field(known[name], places, labels, group=own[-1].group or ""))
    return fields


def _require_inside(where: Path, points: np.ndarray, image: Path) -> np.ndarray:
    height, width = read_field(image).shape[:2]
    # a pixel reaches half a pixel to either side of its centre
    out = ((points < -0.5) | (points > np.array([width, height]) - 0.5)).any(axis=1)
    if out.any():
        found = f"x {points[out][0][0]:g}, y {points[out][0][1]:g}"
        raise UserError(where, f"points inside {image.name} of {width} x {height}", found, "Correct the point.")
    return points


def read_nuclei_mask(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A mask's nuclei by number, int32 (H, W) with 0 outside, and their centroids, float64 (N, 2) of x, y.

    Whatever is not black counts; outlines are filled, and their gaps of a pixel closed. If a mask's areas have several
    values, such as numbers, no nucleus reaches over two of them: nuclei that touch stay two.
    """
    mask = read_mask(path)  # of any depth: numbered masks come in 16 bits
    values = _numbers(mask)
    if mask.ndim == 2:
        require_background(path, mask)
    parts = [mask == value for value in values] if values else [_closed(mask)]
    numbers, centres = np.zeros(mask.shape[:2], np.int32), np.empty((0, 2))
    for part in parts:
        filled = ndimage.binary_fill_holes(part)
        if values and not (mask[filled][mask[filled] > 0] == mask[part][0]).all():
            do = "It looks like a map of cytoplasm and nucleus. Save the nuclei alone, each with a number of its own."
            raise UserError(path, "nuclei", "a region with another number inside it", do)
        _, found, stats, middles = cv2.connectedComponentsWithStats(filled.astype(np.uint8), connectivity=4)
        keep = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= SMALLEST)[1:]  # the first is the outside
        table = np.zeros(len(stats), np.int32)
        table[keep] = len(centres) + np.arange(1, len(keep) + 1)
        own = table[found]
        np.copyto(numbers, own, where=own > 0)
        centres = np.concatenate([centres, middles[keep]])
    return numbers, centres


def _closed(mask: np.ndarray) -> np.ndarray:
    drawn = (mask if mask.ndim == 2 else mask.max(axis=2)) > 0
    return cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))


def _numbers(mask: np.ndarray) -> list[int]:
    """The values of a mask's areas, if there are several; none if any is the shade of a line or an edge."""
    if mask.ndim != 2:
        return []
    values, counts = np.unique(mask[mask > 0], return_counts=True)
    values = values[counts >= SMALLEST]
    low, high = (change(mask, np.ones((3, 3), np.uint8)) for change in (cv2.erode, cv2.dilate))
    inside = np.unique(mask[low == high])  # values with a pixel whose neighbours are all equal to it
    return values.tolist() if len(values) > 1 and np.isin(values, inside).all() else []
