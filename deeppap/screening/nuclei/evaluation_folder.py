"""What an evaluation leaves behind: every field with its hits, misses and false ones, and the figures."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, write_json
from deeppap.screening.nuclei.detection_scores import DetectionScores, pool
from deeppap.screening.nuclei.fcn_data import FieldSet
from deeppap.screening.nuclei.matching import Matched

# BGR of Okabe and Ito's blue, vermilion and yellow; each has a shape of its own as well
HIT, MISSED, FALSE = (178, 114, 0), (0, 94, 213), (66, 228, 240)
SIZE, LINE = 10, 2  # pixels
FILES = ("detections.csv", "scores.json")
COLUMNS = ("set", "image", "x", "y", "confidence", "outcome", "error_pixels", "class")


def write_evaluation(out: Path, sets: Sequence[FieldSet], results: dict[str, list[Matched]]) -> None:
    """Write a folder: <set>/<field>.png, detections.csv and scores.json; complete or not at all.

    Raises
    ------
    UserError
        See `require_replaceable`.
    """
    require_replaceable(out)
    with complete_or_absent(out) as partial:
        for name, found in results.items():
            (partial / name).mkdir(parents=True)
            for one in found:
                _write_png(partial / name / f"{one.field.name}.png", draw(one))
        with (partial / "detections.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for name, found in results.items():
                for one in found:
                    writer.writerows([name, one.field.path.name, *row] for row in rows(one))
        mpp = {one.name: one.mpp for one in sets}
        write_json(partial / "scores.json", {k: summary(pool(v), mpp[k]) for k, v in results.items()})


def require_replaceable(out: Path) -> None:
    """Never clear away a folder that holds anything but an evaluation: a fold has a scores.json too."""
    if not out.exists() and not out.is_symlink():
        return
    held = sorted(out.iterdir()) if out.is_dir() and not out.is_symlink() else [out]
    strange = [path.name for path in held if path.name not in FILES and not _are_pictures(path)]
    if strange or (held and not (out / FILES[0]).is_file()):
        found = strange[0] if strange else f"no {FILES[0]}"
        raise UserError(out, "a new folder, or an evaluation to replace", found, "Give another --out.")


def _are_pictures(folder: Path) -> bool:
    """Whether it is a folder of PNG files alone."""
    plain = folder.is_dir() and not folder.is_symlink()
    return plain and all(path.suffix == ".png" and path.is_file() for path in folder.iterdir())


def draw(result: Matched) -> np.ndarray:
    """A field, uint8 (H, W, 3) BGR: circles are hits, squares misses, crosses what is false."""
    image = result.field.image()
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    hits = result.found[result.pairs[:, 0]]
    for x, y in np.rint(hits).astype(int).tolist():
        cv2.circle(image, (x, y), SIZE, HIT, LINE)
    for x, y in np.rint(result.points[result.missed]).astype(int).tolist():
        cv2.rectangle(image, (x - SIZE, y - SIZE), (x + SIZE, y + SIZE), MISSED, LINE)
    for x, y in np.rint(result.found[result.false]).astype(int).tolist():
        cv2.drawMarker(image, (x, y), FALSE, cv2.MARKER_TILTED_CROSS, 2 * SIZE, LINE)
    return image


def rows(result: Matched) -> list[tuple]:
    """x, y, confidence, outcome, error and class of everything found or marked in a field."""
    labels = result.field.labels or ("",) * len(result.points)
    lines = [
        (*_place(result.found[i]), f"{result.nuclei[i].confidence:.4f}", "hit", f"{error:.2f}", labels[j])
        for (i, j), error in zip(result.pairs.tolist(), result.errors, strict=True)
    ]
    lines += [(*_place(result.found[i]), f"{result.nuclei[i].confidence:.4f}", "false", "", "") for i in result.false]
    return lines + [(*_place(result.points[j]), "", "missed", "", labels[j]) for j in result.missed]


def summary(scores: DetectionScores, mpp: float) -> dict:
    """The figures as JSON holds them."""
    mean, median, high = np.nan, np.nan, np.nan
    if scores.errors.size:
        mean, (median, high) = scores.errors.mean(), np.percentile(scores.errors, (50, 95))
    figures = {"precision": scores.precision, "recall": scores.recall, "f": scores.f}
    errors = {"mean": mean, "median": median, "percentile95": high}
    return {
        "fields": scores.fields,
        "mpp": mpp,
        "hits": scores.hits,
        "missed": scores.missed,
        "false": scores.false,
        **{k: _number(v) for k, v in figures.items()},
        "error_pixels": {k: _number(v) for k, v in errors.items()},
        "by_class": {label: {"hits": h, "marked": n} for label, (h, n) in scores.by_label.items()},
    }


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None  # JSON has no nan


def _place(point: np.ndarray) -> tuple[str, str]:
    return f"{point[0]:.2f}", f"{point[1]:.2f}"


def _write_png(path: Path, image: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
