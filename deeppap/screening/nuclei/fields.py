"""Reader of a folder of fields: images with the points or masks of their nuclei."""

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from deeppap.io.errors import UserError

IMAGES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
MASK = "_GT"
ONE_CSV = "nuclei.csv"
SHAPES = f"Give images with <stem>.csv (row,col, 1-based), {ONE_CSV} (image,nucleus_x,nucleus_y), or <stem>{MASK}.png."
SMALLEST = 20  # pixels of a mask's component; less is what an anti-aliased edge left behind


@dataclass(frozen=True)
class Field:
    """One field of view and what is known of its nuclei.

    `points` are centres, float64 (N, 2) of x, y, 0-based; `labels` names the cell's class of each where it is known;
    `mask` is int32 (H, W), 0 outside and 1..N in the nucleus of that point, where there is one.
    """

    path: Path
    points: np.ndarray
    labels: tuple[str, ...] = ()
    mask_path: Path | None = None

    @property
    def name(self) -> str:
        """The image's name without its extension."""
        return self.path.stem

    def image(self) -> np.ndarray:
        """The image, uint8 (H, W) or (H, W, 3) BGR."""
        return read_field(self.path)

    def mask(self) -> np.ndarray | None:
        """The nuclei by number, or None."""
        return None if self.mask_path is None else read_nuclei_mask(self.mask_path)[0]


def read_field(path: Path) -> np.ndarray:
    """Read a field, uint8 (H, W) if it is grey, else (H, W, 3) BGR."""
    image = _decode(path)
    kind = f"{1 if image.ndim == 2 else image.shape[2]} channel(s) of {image.dtype.itemsize * 8} bits"
    if kind not in ("1 channel(s) of 8 bits", "3 channel(s) of 8 bits"):
        raise UserError(path, "8 bits, grey or colour, no alpha", kind, "Convert it to 8-bit grey or 24-bit RGB.")
    return image


def _decode(path: Path) -> np.ndarray:
    data = np.frombuffer(_bytes(path), np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except cv2.error:  # a size that OpenCV itself refuses
        image = None
    if image is None:
        raise UserError(path, "a PNG, BMP, TIFF or JPEG image", "a file that cannot be decoded", "Get it again.")
    return image


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(path, "a readable file", error.strerror or "an error", "Mend the path.") from None


def read_fields(folder: Path) -> list[Field]:
    """Every field of a folder that has points or a mask, by name; images without either are left to `detect`.

    Raises
    ------
    UserError
        For a folder without such fields, and for points that cannot be read or lie outside their image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(folder, "a folder of fields", "no such folder", SHAPES)
    images = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in IMAGES and not p.stem.endswith(MASK)]
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
        return Field(image, _inside(points, read_row_col(points), image))
    if mask.is_file():
        numbers, centres = read_nuclei_mask(mask)
        if numbers.shape != (size := read_field(image).shape[:2]):
            (height, width), (high, wide) = size, numbers.shape
            expected = f"a mask of {image.name}'s size {width} x {height}"
            raise UserError(mask, expected, f"{wide} x {high}", "Get image and mask from one source.")
        return Field(image, centres, mask_path=mask)
    return None


def read_row_col(path: Path) -> np.ndarray:
    """Points of a CSV of `row,col`, 1-based, without a header: float64 (N, 2) of x, y, 0-based."""
    points = []
    for number, row in _rows(path):
        if row:
            points.append(_pair(path, number, row[::-1]) - 1)
    return np.array(points, np.float64).reshape(-1, 2)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    try:
        text = _bytes(path).decode("utf-8-sig")
        return list(enumerate(csv.reader(text.splitlines(), strict=True), 1))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(path, "a UTF-8 CSV file", str(error), SHAPES) from None


def _pair(path: Path, number: int, values: list[str]) -> np.ndarray:
    try:
        x, y = map(float, values)
        if not np.isfinite([x, y]).all():
            raise ValueError
    except ValueError:
        raise UserError(f"{path}, line {number}", "two numbers", ",".join(values)[:80], SHAPES) from None
    return np.array([x, y])


def _by_one_csv(path: Path, images: list[Path]) -> list[Field]:
    rows = _rows(path)
    header = [name.strip() for name in rows[0][1]] if rows else []
    if not {"image", "nucleus_x", "nucleus_y"} <= set(header):
        raise UserError(path, "columns image, nucleus_x, nucleus_y", ", ".join(header) or "an empty file", SHAPES)
    known, found = {image.name: image for image in images}, {}
    for number, row in rows[1:]:
        cell = dict(zip(header, row, strict=False))
        if cell.get("image") not in known:
            missing = str(cell.get("image"))[:80] or "nothing"
            raise UserError(f"{path}, line {number}", "an image of this folder", missing, "Add it, or mend the name.")
        pair = _pair(path, number, [cell.get("nucleus_x") or "", cell.get("nucleus_y") or ""])
        label = cell.get("bethesda") or cell.get("label") or ""
        found.setdefault(cell["image"], []).append((pair, label))
    return [
        Field(known[name], _inside(path, np.array([p for p, _ in cells]), known[name]), tuple(k for _, k in cells))
        for name, cells in sorted(found.items())
    ]


def _inside(where: Path, points: np.ndarray, image: Path) -> np.ndarray:
    height, width = read_field(image).shape[:2]
    out = ((points < -0.5) | (points > np.array([width, height]) - 0.5)).any(axis=1)
    if out.any():
        found = f"x {points[out][0][0]:g}, y {points[out][0][1]:g}"
        raise UserError(where, f"points inside {image.name} of {width} x {height}", found, "Mend the point.")
    return points


def read_nuclei_mask(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A mask's nuclei by number, int32 (H, W) with 0 outside, and their centroids, float64 (N, 2) of x, y.

    Whatever is not black counts; outlines are filled, and their gaps of a pixel closed. In a mask whose areas have
    several values, such as numbers, no nucleus reaches over two of them: those that touch stay two.
    """
    mask = _decode(path)  # of any depth: numbered masks come in 16 bits
    parts = [mask == value for value in values] if (values := _numbers(mask)) else [_closed(mask)]
    numbers, centres = np.zeros(mask.shape[:2], np.int32), np.empty((0, 2))
    for part in parts:
        filled = ndimage.binary_fill_holes(part)
        _, found, stats, middles = cv2.connectedComponentsWithStats(filled.astype(np.uint8), connectivity=4)
        keep = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= SMALLEST)[1:]  # the first is what lies outside
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
    """The values of a mask's areas, where there are several; none where any is a line's or an edge's shade."""
    if mask.ndim != 2:
        return []
    values, counts = np.unique(mask[mask > 0], return_counts=True)
    values = values[counts >= SMALLEST]
    low, high = (change(mask, np.ones((3, 3), np.uint8)) for change in (cv2.erode, cv2.dilate))
    inside = np.unique(mask[low == high])  # values with a pixel that has its like all about it
    return values.tolist() if len(values) > 1 and np.isin(values, inside).all() else []
