"""Judging a detector on fields with known nuclei: matching, scores, cross-validation, and the folder of results.

Points are matched by the protocol of Cervix93, masks by their areas; every nucleus and every mark is used once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment

from data_prep.classes import ABNORMAL, known_class
from data_prep.image_hashes import pixel_sha256, read_images
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.names import CsvWriter
from deeppap.io.own_files import note_written, require_all_own
from deeppap.io.progress import progress
from deeppap.records.record import write_record
from deeppap.screening.nuclei.detector import NucleusDetector
from deeppap.screening.nuclei.fields import Field, FieldSet, split_sets
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.nuclei.outlines import BORDER_UM
from deeppap.screening.nuclei.train_fcn import IMAGES, TrainRequest, train_fcn

RADIUS = 10.0  # pixels: a detected point counts as a disc of this radius, in which a mark is a hit
SHIFT, CELL_MPP = 10, 0.201  # pixels, of so many micrometres, that the cell net was trained to tolerate
# BGR of Okabe and Ito's blue, vermilion and yellow; each has a shape of its own as well
HIT, MISSED, FALSE = (178, 114, 0), (0, 94, 213), (66, 228, 240)
SIZE, LINE = 10, 2  # pixels
COLUMNS = ("set", "image", "x", "y", "confidence", "outcome", "error_pixels", "class")


@dataclass(frozen=True)
class Matched:
    """What a detector found in one field, matched with the field's marks."""

    field: Field
    nuclei: list[Nucleus]
    radius: float  # pixels that a hit may be off
    pairs: np.ndarray  # the hits, int (K, 2), a row (nucleus, mark)
    errors: np.ndarray  # distance of each hit from its mark, pixels, float64 (K,)
    false: np.ndarray  # numbers of the nuclei that hit nothing
    missed: np.ndarray  # numbers of the marks that nothing hit


def _centres(nuclei: list[Nucleus]) -> np.ndarray:
    return np.array([(n.x, n.y) for n in nuclei], np.float64).reshape(-1, 2)


def match(field: Field, nuclei: list[Nucleus], radius: float = RADIUS, regions: bool = False) -> Matched:
    """Pair detected with marked nuclei: by the field's mask if it has one, otherwise by the disc about a detection.

    With `regions`, a mark inside a nucleus's outline is a hit as well: the disc stands for detectors that give points.
    """
    found, mask = _centres(nuclei), field.mask()
    distance = np.linalg.norm(found[:, None] - field.points[None], axis=2)
    allowed = distance <= radius if mask is None else _inside(found, mask, len(field.points))
    if regions and mask is None:
        for row, nucleus in enumerate(nuclei):
            if nucleus.outline is not None:
                outline = nucleus.outline.astype(np.float32)
                allowed[row] |= [cv2.pointPolygonTest(outline, (x, y), False) >= 0 for x, y in field.points]
    pairs = _assign(distance, allowed)
    hits, marks = pairs.T
    false, missed = (np.setdiff1d(np.arange(n), own) for n, own in zip(distance.shape, (hits, marks), strict=True))
    return Matched(field, nuclei, radius, pairs, distance[hits, marks], false, missed)


def _inside(found: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Whether each point lies in each nucleus of a mask, bool (N, M)."""
    height, width = mask.shape
    column = np.clip(np.rint(found[:, 0]).astype(int), 0, width - 1)
    row = np.clip(np.rint(found[:, 1]).astype(int), 0, height - 1)
    return mask[row, column][:, None] == np.arange(1, count + 1)[None]


def _assign(distance: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Pairs (row, column), int (K, 2): as many as are allowed, and among those the nearest, each used once."""
    if not distance.size:
        return np.empty((0, 2), int)
    forbidden = 1 + distance.max() * (1 + min(distance.shape))  # costs more than any number of allowed pairs
    rows, columns = linear_sum_assignment(np.where(allowed, distance, forbidden))
    keep = allowed[rows, columns]
    return np.column_stack([rows[keep], columns[keep]])


class ClassCount(msgspec.Struct, frozen=True):
    """Hits among the marks of one class."""

    hits: int
    marked: int


class DetectionScores(msgspec.Struct, frozen=True):
    """Scores over all fields of one set, pooled as Cervix93's own script pools them; a ratio of 0 to 0 is None."""

    fields: int
    mpp: float
    radius_pixels: float | None  # within which a detection hits a mark; None where masks decide
    border_um: float  # detections nearer to a field's border were left out
    hits: int
    missed: int
    false: int
    precision: float | None
    recall: float | None
    f: float | None
    error_pixels: tuple[float, float, float] | None  # of the hits: mean, median, 95th percentile
    by_class: dict[str, ClassCount]

    @property
    def abnormal(self) -> ClassCount | None:
        """Abnormal cells, if classes are known; a mark without a class counts as neither."""
        if not any(self.by_class):
            return None
        counts = [c for label, c in self.by_class.items() if is_abnormal(label)]
        return ClassCount(sum(c.hits for c in counts), sum(c.marked for c in counts))


def is_abnormal(label: str) -> bool:
    """Whether a mark's class is abnormal: also a class that nobody knows, but for 0 and none."""
    known = known_class(label)
    return known.label == ABNORMAL if known else label.strip() not in ("", "0")


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def pool(results: Sequence[Matched], mpp: float) -> DetectionScores:
    """The scores of one set of fields of `mpp` micrometres a pixel."""
    labels: dict[str, list[bool]] = {}  # of each class, whether each mark was hit
    for result in results:
        hit = set(result.pairs[:, 1].tolist())
        for index, label in enumerate(result.field.labels):
            labels.setdefault(label, []).append(index in hit)
    hits = sum(len(r.pairs) for r in results)
    missed, false = sum(len(r.missed) for r in results), sum(len(r.false) for r in results)
    errors = None
    if hits:
        values = _all_errors(results)
        errors = tuple(map(float, (values.mean(), *np.percentile(values, (50, 95)))))
    by_class = {label: ClassCount(sum(hit), len(hit)) for label, hit in sorted(labels.items())}
    ratios = (_ratio(hits, hits + false), _ratio(hits, hits + missed), _ratio(2 * hits, 2 * hits + false + missed))
    radius = results[0].radius if results and results[0].field.mask_path is None else None
    counts = (hits, missed, false, *ratios, errors, by_class)
    return DetectionScores(len(results), mpp, radius, BORDER_UM, *counts)


def _all_errors(results: Sequence[Matched]) -> np.ndarray:
    return np.concatenate([r.errors for r in results])


def report(results: Sequence[Matched], mpp: float) -> str:
    """The lines that a tool prints."""
    scores = pool(results, mpp)
    lines = [
        f"{scores.fields} fields, {scores.hits + scores.missed} nuclei marked, {scores.hits + scores.false} detected: "
        f"{scores.hits} hits, {scores.missed} missed, {scores.false} false",
        f"precision {_text(scores.precision)}, recall {_text(scores.recall)}, F {_text(scores.f)}; "
        f"{(scores.hits + scores.false) / max(scores.fields, 1):.1f} detected a field",
    ]
    abnormal = scores.abnormal
    if results and results[0].field.mask_path is None:
        # point marks: once more with a mark anywhere inside an outline as a hit
        inside = pool([match(r.field, r.nuclei, r.radius, regions=True) for r in results], mpp)
        marked = ""
        if inside.abnormal:
            marked = f", of abnormal cells {_text(_ratio(inside.abnormal.hits, inside.abnormal.marked))}"
        counts = f"precision {_text(inside.precision)}, recall {_text(inside.recall)}{marked}, F {_text(inside.f)}"
        lines.append(f"with a mark inside an outline as a hit too: {counts}")
    if abnormal:
        share = _text(_ratio(abnormal.hits, abnormal.marked))
        lines.append(f"recall of abnormal cells {share} ({abnormal.hits}/{abnormal.marked})")
        lines += [f"  {label or 'no class'}: {c.hits}/{c.marked}" for label, c in scores.by_class.items()]
    if scores.error_pixels:
        mean, median, high = scores.error_pixels
        within = (_all_errors(results) * mpp <= SHIFT * CELL_MPP).mean()
        lines += [
            f"centres off by {mean:.1f} pixels on average, {median:.1f} median, {high:.1f} at 95 % "
            f"({mean * mpp:.2f}, {median * mpp:.2f}, {high * mpp:.2f} um)",
            f"{100 * within:.1f} % of hits within the {SHIFT} pixels of {CELL_MPP} um that the cell net tolerates",
        ]
    return "\n".join(lines)


def _text(value: float | None) -> str:
    return "nan" if value is None else f"{value:.3f}"


def detect_all(
    detector: NucleusDetector, sets: Sequence[FieldSet], radius: float = RADIUS, say: Callable[[str], None] = print
) -> dict[str, list[Matched]]:
    """What a detector found in every field, by set; says how long it took, without reading and matching."""
    results: dict[str, list[Matched]] = {}
    seconds = pixels = 0.0
    with progress(total=sum(len(s.fields) for s in sets), desc="detect", unit="field") as bar:
        for one in sets:
            for field in one.fields:
                image = field.image()
                start = time.process_time()
                found = detector.detect(image, one.mpp)
                seconds += time.process_time() - start
                pixels += image.shape[0] * image.shape[1]
                results.setdefault(one.name, []).append(match(field, found, radius))
                bar.update()
    if pixels:
        say(f"detected in {1e6 * seconds / pixels:.3f} s of processor time a megapixel")
    return results


def field_hashes(fields: Sequence[Field]) -> dict[Path, str]:
    """The checksum of the pixels of every field's image."""
    return {field.path: pixel_sha256(field.image()) for field in fields}


def seen_in_training(weights: Path, hashes: Mapping[Path, str]) -> str:
    """A line that says how many of these images a detector was trained on, by the list beside its weights, or ""."""
    learned = _learned_from(weights)
    seen = sum(value in learned for value in hashes.values())
    flatters = "were in the detector's training: what is found there flatters it"
    return f"{seen} of {len(hashes)} fields {flatters}" if seen else ""


def unseen(weights: Path, sets: Sequence[FieldSet]) -> list[FieldSet]:
    """The sets without the fields that a detector was trained on, by the list beside its weights.

    Raises UserError if it was trained on every field of a set.
    """
    learned = _learned_from(weights)
    left = [replace(s, fields=[f for f in s.fields if pixel_sha256(f.image()) not in learned]) for s in sets]
    for one in left:
        if not one.fields:
            do = "Leave the folder out."
            raise UserError(one.name, "fields that the detector was not trained on", "none", do)
    return left


def _learned_from(weights: Path) -> set[str]:
    listed = weights.with_name(IMAGES)
    return set(read_images(listed)) if listed.exists() else set()


def cross_validate(
    folder: Path,
    sets: Sequence[FieldSet],
    folds: int,
    training: tuple[int, int | None, int, Path | None] = (16000, None, 1, None),
    confidence: float | None = None,
    radius: float = RADIUS,
    device: Device | None = None,
    say: Callable[[str], None] = print,
) -> dict[str, list[Matched]]:
    """What nets found in the fields that they were not trained on, by set; one net a fold, trained in `folder`.

    Every field is kept whole and is judged once. A second call finds the nets that are trained already. `training` has
    TrainRequest's crops, iterations, seed and teacher; the seed splits the fields as well.
    """
    results: dict[str, list[Matched]] = {}
    for fold in range(folds):
        train, test = split_sets(sets, fold, folds, training[2])
        say(f"fold {fold} of {folds}: {sum(len(s.fields) for s in train)} fields to train on")
        weights = train_fcn(folder / f"fold{fold}", TrainRequest(train, *training), say)
        for name, found in detect_all(NucleusDetector(weights, confidence, device), test, radius, say).items():
            results.setdefault(name, []).extend(found)
    return results


def require_foldable(weights: Path | None, folds: int) -> None:
    """Refuse to cross-validate a detector that is trained already."""
    if weights is not None:
        raise FieldError("fold_count", "no `detector`", str(weights), "Leave it out: each fold trains its own.")
    if folds < 2:
        raise FieldError("fold_count", "at least 2", f"{folds}", "Give a larger number.")


def write_evaluation(out: Path, sets: Sequence[FieldSet], results: dict[str, list[Matched]]) -> None:
    """Write a folder: <set>/<field>.png, detections.csv and scores.json; complete or not at all.

    Raises UserError if the folder holds anything but an older evaluation.
    """
    require_all_own(out)
    with complete_or_absent(out) as partial:
        rows = []
        for name, found in results.items():
            (partial / name).mkdir(parents=True)
            for one in found:
                picture = cv2.imencode(".png", draw(one))[1]
                (partial / name / f"{one.field.name}.png").write_bytes(picture.tobytes())
                rows += [(name, one.field.path.name, *row) for row in _rows(one)]
        with (partial / "detections.csv").open("w", encoding="utf-8", newline="") as file:
            CsvWriter(file, "\r\n").writerows([COLUMNS, *rows])
        mpp = {one.name: one.mpp for one in sets}
        write_record(partial / "scores.json", {name: pool(found, mpp[name]) for name, found in results.items()})
        note_written(partial)


def draw(result: Matched) -> np.ndarray:
    """A field, uint8 (H, W, 3) BGR: circles are hits, squares misses, crosses what is false."""
    image = result.field.image()
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy()
    found, marks = _centres(result.nuclei), result.field.points
    for x, y in np.rint(found[result.pairs[:, 0]]).astype(int).tolist():
        cv2.circle(image, (x, y), SIZE, HIT, LINE)
    for x, y in np.rint(marks[result.missed]).astype(int).tolist():
        cv2.rectangle(image, (x - SIZE, y - SIZE), (x + SIZE, y + SIZE), MISSED, LINE)
    for x, y in np.rint(found[result.false]).astype(int).tolist():
        cv2.drawMarker(image, (x, y), FALSE, cv2.MARKER_TILTED_CROSS, 2 * SIZE, LINE)
    return image


def _rows(result: Matched) -> list[tuple[str, ...]]:
    """x, y, confidence, outcome, error and class of every nucleus that was found or marked in a field."""
    labels = result.field.labels or ("",) * len(result.field.points)
    detected = [(f"{n.x:.2f}", f"{n.y:.2f}", f"{n.confidence:.4f}") for n in result.nuclei]
    hits = zip(result.pairs.tolist(), result.errors, strict=True)
    rows = [(*detected[i], "hit", f"{error:.2f}", labels[j]) for (i, j), error in hits]
    rows += [(*detected[i], "false", "", "") for i in result.false]
    for j in result.missed:
        x, y = result.field.points[j]
        rows.append((f"{x:.2f}", f"{y:.2f}", "", "missed", "", labels[j]))
    return rows
