"""A field of view drawn with known nuclei: glass, cells, their nuclei, and dirt that is none."""

from pathlib import Path

import cv2
import numpy as np

from deeppap.screening.nuclei.fields import Field

MPP = 0.25  # micrometres a pixel
GLASS, CYTOPLASM, NUCLEUS = (245, 240, 238), (225, 190, 175), (130, 80, 95)  # BGR


def draw_field(seed: int = 1, size: tuple[int, int] = (480, 640), cells: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A colour field, uint8 (H, W, 3) BGR, at MPP, and its nuclei, float64 (N, 2) of x, y; same seed, same bytes."""
    rng = np.random.default_rng(seed)
    height, width = size
    image = np.full((height, width, 3), GLASS, np.float32)
    points = _places(rng, size, cells)
    for x, y in points:
        _ellipse(image, (x, y), rng.uniform(45, 60, 2), rng.uniform(0, 180), CYTOPLASM, 0.8)
    for x, y in points:
        _ellipse(image, (x, y), rng.uniform(12, 17, 2), rng.uniform(0, 180), NUCLEUS, 0.95)
    image = cv2.GaussianBlur(image, (0, 0), 1.0) + rng.normal(0, 1.5, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), points


def _places(rng: np.random.Generator, size: tuple[int, int], cells: int) -> np.ndarray:
    """Places that keep 50 pixels from the border and from one another."""
    places: list[np.ndarray] = []
    for _ in range(10_000):
        place = rng.uniform((50, 50), (size[1] - 50, size[0] - 50))
        if all(np.linalg.norm(place - other) > 50 for other in places):
            places.append(place)
        if len(places) == cells:
            break
    return np.array(places).reshape(-1, 2)


def _ellipse(image: np.ndarray, at: tuple, axes: np.ndarray, angle: float, colour: tuple, opacity: float) -> None:
    layer = np.zeros(image.shape[:2], np.float32)
    box = ((float(at[0]), float(at[1])), (2 * float(axes[0]), 2 * float(axes[1])), float(angle))
    cv2.ellipse(layer, box, 1.0, -1, cv2.LINE_AA)
    image += opacity * layer[:, :, None] * (np.array(colour, np.float32) - image)


def add_dirt(image: np.ndarray, seed: int = 1, specks: int = 15) -> np.ndarray:
    """The same field with grains on it that are too small, and a fold that is too long, to be nuclei."""
    rng, dirty = np.random.default_rng(seed), image.copy()
    height, width = image.shape[:2]
    for x, y in rng.integers((10, 10), (width - 10, height - 10), (specks, 2)).tolist():
        cv2.circle(dirty, (x, y), 3, (40, 40, 40), -1)
    cv2.line(dirty, (5, height - 20), (width - 5, height - 8), (150, 120, 110), 9)
    return dirty


def write_fields(folder: Path, count: int = 3, seed: int = 1) -> Path:
    """A folder of drawn grey fields in Cervix93's shape: PNG, and CSV of row,col, 1-based."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, points = draw_field(seed + number)
        cv2.imwrite(str(folder / f"frame{number:03d}.png"), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        lines = [f"{y + 1:.2f},{x + 1:.2f}\n" for x, y in points]
        (folder / f"frame{number:03d}.csv").write_text("".join(lines), encoding="utf-8")
    return folder


def field_of(path: Path, points: np.ndarray, labels: tuple[str, ...] = ()) -> Field:
    """A Field of points alone; its image is not asked for."""
    return Field(path, np.asarray(points, np.float64).reshape(-1, 2), labels)
