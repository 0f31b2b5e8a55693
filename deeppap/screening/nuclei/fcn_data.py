"""Training data of the nucleus net: crops of fields and the maps to learn, in two LMDBs of the same order."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import lmdb
import numpy as np

from deeppap.io.caffe_messages import caffe_pb2
from deeppap.io.errors import UserError
from deeppap.io.files import disk_full, require_space
from deeppap.io.progress import progress
from deeppap.screening.nuclei.detector import STRIDE, NucleusDetector
from deeppap.screening.nuclei.fields import Field, FieldSet
from deeppap.screening.nuclei.outlines import outlined
from deeppap.screening.nuclei.regions import absorbance, rescale, rescale_points

TRAINED_MPP = 0.5  # micrometres a pixel of a crop before SCALE; detector.WORK_MPP is finer: see there
CROP = 128  # pixels of TRAINED_MPP: 64 micrometres, one whole cell and its neighbours
SIGMA = 1.75  # micrometres: the least bump drawn on a nucleus; those of a binucleate cell have a valley between them
WIDE = 0.45  # of the radius: the bump of a larger nucleus; a small bump would be learnt as fragments
BETWEEN = 0.3  # of the distance to the next nucleus, unless that is narrower than SIGMA: a valley remains
PEAK, UNKNOWN = 200, 255  # in the map to learn; train_val.prototxt says what becomes of them
RIM = 3.0  # micrometres along a field's border: a nucleus cut there may or may not be marked
NEAR = 12.0  # micrometres: a crop meant for a nucleus has it no further than this from its middle
AT_NUCLEI = 0.75  # of the crops are meant for a nucleus, the others lie anywhere
SCALE = (-0.25, 0.5)  # log of size; up more than down: large abnormal nuclei are rare
GAIN, OFFSET, NOISE = 0.4, 8.0, 2.0  # log of contrast, grey values, grey values
TINT = 0.15  # log of the contrast of each colour: stains differ
COLOUR = (-1.2, 1.8)  # the share of the colours, then cut to 0 to 1: 40 % of the crops are grey, 27 % as they are
BLURRED, SHARPENED = 0.25, 0.25  # of the crops; extended-depth-of-field images are sharper than a single focus
OVERLAID = 0.3  # of the crops lie under another one: clumps of cells, as absorbances of layers add up
PARTS = ("image", "target")
CROP_BYTES = 4 * CROP * CROP  # a crop, its map, and the pages they end in
COMMIT = 500  # crops a transaction
MOVED = 3.5  # micrometres that a loose mark may be moved to the middle of the region that it lies in
MOVED_CONFIDENCE = 0.05  # of a region that may take a mark to its middle; those of large nuclei are seldom surer
# Of what the teacher finds in CRIC without a mark, most that it is so sure of are squamous nuclei. To teach that they
# are none would lower the confidence of marked ones. What it is less sure of are mostly leukocytes, debris and folds.
TEACHER_CONFIDENCE = 0.4
HIDDEN = 4.0  # micrometres about an unmarked nucleus that are hidden at least: its outline may be wrong


@dataclass(frozen=True)
class Prepared:
    """A field at TRAINED_MPP."""

    absorbed: np.ndarray  # absorbance of blue, green and red, uint8 (H, W, 3)
    grey: np.ndarray  # absorbance of the field as a grey camera sees it, uint8 (H, W)
    points: np.ndarray  # float64 (N, 2) of x, y in it
    weights: np.ndarray  # float64 (N,): how often each nucleus is chosen
    sigmas: np.ndarray  # float64 (N,): how wide its bump is, in pixels
    unknown: np.ndarray  # uint8 (H, W): UNKNOWN where it is not known whether there are nuclei


def prepare(field: Field, mpp: float, weights: np.ndarray, teacher: NucleusDetector | None = None) -> Prepared:
    """A field of `mpp` micrometres a pixel, ready to be cut; with a `teacher` its marks are tidied first."""
    image = field.image()
    if teacher:
        points, radii, unknown = tidy(image, mpp, field.points, teacher)
    else:
        points, unknown = field.points, np.zeros(image.shape[:2], np.uint8)
        _, radii, _ = outlined(image, mpp, points)
    absorbed = rescale(absorbance(image), mpp, TRAINED_MPP)
    seen_grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    grey = rescale(absorbance(seen_grey), mpp, TRAINED_MPP)[..., 0]
    known = cv2.resize(unknown, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
    rim = round(RIM / TRAINED_MPP)
    hidden = np.full(known.shape, UNKNOWN, np.uint8)
    hidden[rim:-rim, rim:-rim] = known[rim:-rim, rim:-rim]
    sigmas = np.maximum(SIGMA, np.minimum(WIDE * radii, BETWEEN * mpp * _nearest(points))) / TRAINED_MPP
    points = rescale_points(points, image.shape, grey.shape)
    return Prepared(absorbed, grey, points, np.asarray(weights, np.float64), sigmas, hidden)


def _nearest(points: np.ndarray) -> np.ndarray:
    """The distance of each point (N, 2) from the nearest other one, float64 (N,)."""
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1, initial=np.inf)


def tidy(
    image: np.ndarray, mpp: float, points: np.ndarray, teacher: NucleusDetector
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loose marks made fit to train on: CRIC leaves nuclei unmarked, and its marks lie beside the centres.

    Returns the marks moved to the middle of their regions, float64 (N, 2), the nuclei's radii in micrometres, float64
    (N,), and where the teacher finds nuclei without a mark, uint8 (H, W) 0 or UNKNOWN.
    """
    middles, radii, scores = outlined(image, mpp, points)
    near = np.linalg.norm(middles - points, axis=1) * mpp <= MOVED
    moved = np.where((near & (scores > MOVED_CONFIDENCE))[:, None], middles, points)
    reach = np.maximum(HIDDEN, radii) / mpp
    unknown = np.zeros(image.shape[:2], np.uint8)
    for nucleus in teacher.detect(image, mpp):
        outline = nucleus.outline.astype(np.float32)
        if all(cv2.pointPolygonTest(outline, mark, False) < 0 for mark in moved.tolist()):
            cv2.fillPoly(unknown, [np.rint(outline).astype(np.int32)], UNKNOWN)
            cv2.circle(unknown, (round(nucleus.x), round(nucleus.y)), round(HIDDEN / mpp), UNKNOWN, -1)
    # a mark is a known nucleus, whatever else overlaps it: the fragments that a teacher finds of it are none
    for (x, y), radius in zip(np.rint(moved).astype(int).tolist(), np.rint(reach).astype(int).tolist(), strict=True):
        cv2.circle(unknown, (x, y), radius, 0, -1)
    return moved, radii, unknown


def cut(fields: Sequence[Prepared], shares: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One crop, uint8 (128, 128, 3), and its target, uint8 (64, 64).

    `shares`, float64 (F,), says how often each field is chosen.
    """
    image, bumps, hidden = _cut_one(fields, shares, rng)
    if rng.random() < OVERLAID:
        under, more, also = _cut_one(fields, shares, rng)
        image = np.minimum(image + rng.uniform(0.5, 1) * under, 255)
        bumps, hidden = np.maximum(bumps, more), np.maximum(hidden, also)
    return _jitter(image, rng), np.where(hidden > 0, UNKNOWN, bumps).astype(np.uint8)


def _cut_one(fields: Sequence[Prepared], shares: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """A crop, float32 (128, 128, 3), its target and where that is hidden, both uint8 (64, 64)."""
    field = fields[rng.choice(len(fields), p=shares)]
    matrix = _placement(field, rng)
    size = (CROP, CROP)
    # bare glass outside the field
    own, grey = (cv2.warpAffine(each, matrix, size, flags=cv2.INTER_CUBIC) for each in (field.absorbed, field.grey))
    # a grey camera's view, of any sensitivity to red, takes the place of the colours in whole, in part or not at all
    grey = cv2.addWeighted(own[..., 1:].min(axis=2), share := rng.random(), grey, 1 - share, 0, dtype=cv2.CV_32F)
    tinted = own * np.exp(rng.uniform(-TINT, TINT, 3)).astype(np.float32)
    share = np.clip(rng.uniform(*COLOUR), 0, 1)
    image = share * tinted + (1 - share) * grey[..., None]
    hidden = cv2.warpAffine(field.unknown, matrix, size, flags=cv2.INTER_NEAREST, borderValue=UNKNOWN)
    points = field.points @ matrix[:, :2].T + matrix[:, 2]
    sigmas = field.sigmas * math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    hidden = hidden[::STRIDE, ::STRIDE]
    return image, target(points, sigmas, hidden.shape), hidden


def _placement(field: Prepared, rng: np.random.Generator) -> np.ndarray:
    """The affine map from field to crop, float64 (2, 3): a random place, rotation, mirroring and size."""
    height, width = field.grey.shape
    if len(field.points) and rng.random() < AT_NUCLEI:
        at = rng.choice(len(field.points), p=field.weights / field.weights.sum())
        centre = field.points[at] + rng.uniform(-NEAR, NEAR, 2) / TRAINED_MPP
    else:
        centre = rng.uniform((0, 0), (width, height))
    turn, scale = rng.uniform(0, 2 * math.pi), math.exp(rng.uniform(*SCALE))
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    return np.column_stack([linear, (CROP - 1) / 2 - linear @ centre])


def _jitter(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crop, float32 (h, w, 3), as of another stain, lamp and focus, in uint8."""
    value = image * math.exp(rng.uniform(-GAIN, GAIN)) + rng.uniform(-OFFSET, OFFSET)
    focus = rng.random()
    if focus < BLURRED:
        value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.4, 1.0))
    elif focus < BLURRED + SHARPENED:
        value += rng.uniform(0, 0.8) * (value - cv2.GaussianBlur(value, (0, 0), 1.5))
    # the same in each channel: a grey field stays grey
    value += rng.uniform(0, NOISE) * rng.standard_normal((*value.shape[:2], 1), np.float32)
    return np.clip(np.rint(value), 0, 255).astype(np.uint8)


def target(points: np.ndarray, sigmas: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The map to learn, uint8 (h, w) of `shape`: a bump of 200 on every point.

    Points (N, 2) and sigmas (N,) are in pixels of the crop.
    """
    height, width = shape
    u, v = (STRIDE * np.arange(n) + (STRIDE - 1) / 2 for n in (width, height))
    bumps = np.zeros((height, width))
    for (x, y), sigma in zip(points, sigmas, strict=True):
        if -4 * sigma < x < u[-1] + 4 * sigma and -4 * sigma < y < v[-1] + 4 * sigma:
            one = np.exp(-((v - y)[:, None] ** 2 + (u - x)[None] ** 2) / (2 * sigma**2))
            np.maximum(bumps, one, out=bumps)
    return np.rint(PEAK * bumps).astype(np.uint8)


def rarity(fields: FieldSet) -> list[np.ndarray]:
    """How often each nucleus of each field is chosen: the rarer its class, the more often, by the square root."""
    counts = Counter(label for one in fields.fields for label in one.labels)
    counts[""] = counts[""] or 1  # fields without classes
    return [np.array([counts[k] ** -0.5 for k in f.labels or ("",) * len(f.points)]) for f in fields.fields]


def _gather(sets: Sequence[FieldSet], title: str, teacher: Path | None) -> tuple[list[Prepared], np.ndarray]:
    """All fields, ready to be cut, and their shares: each set's by the square root of its number of fields."""
    tidied = any(one.incomplete for one in sets)
    detector = NucleusDetector(teacher, TEACHER_CONFIDENCE) if tidied else None
    prepared, shares = [], []
    with progress(total=sum(len(s.fields) for s in sets), desc=title, unit="field") as bar:
        for one in sets:
            weights = rarity(one)
            sums = np.array([w.sum() for w in weights])
            within = sums + max(sums.mean(), 1e-9)  # fields without a nucleus are chosen too
            shares.append(len(one.fields) ** 0.5 * within / within.sum())
            for each, weight in zip(one.fields, weights, strict=True):
                prepared.append(prepare(each, one.mpp, weight, detector if one.incomplete else None))
                bar.update()
    share = np.concatenate(shares)
    return prepared, share / share.sum()


def write_crops(
    folder: Path, name: str, sets: Sequence[FieldSet], count: int, seed: int, teacher: Path | None = None
) -> None:
    """Write `count` crops as `<name>_image_lmdb` and `<name>_target_lmdb` into a folder; same seed, same crops.

    `teacher` are the weights of the detector that finds what incomplete marks leave out; None takes the shipped ones.

    Raises UserError if the disk fills up. The caller gives a partial folder and renames it when all is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, count * CROP_BYTES)
    cv2.setNumThreads(1)  # the crops are too small to share between threads
    fields, shares = _gather(sets, f"{name}: fields", teacher)
    rng = np.random.default_rng([seed, len(name)])
    size = count * CROP_BYTES + (64 << 20)
    stores = [lmdb.open(str(folder / f"{name}_{part}_lmdb"), map_size=size, sync=False) for part in PARTS]
    try:
        for start in progress(range(0, count, COMMIT), desc=f"{name}: crops", unit="part"):
            pairs = [cut(fields, shares, rng) for _ in range(min(COMMIT, count - start))]
            for store, images in zip(stores, zip(*pairs, strict=True), strict=True):
                with store.begin(write=True) as transaction:
                    for index, image in enumerate(images, start):
                        transaction.put(f"{index:08d}".encode(), _datum(image), append=True)
        for store in stores:
            store.sync(True)
    except lmdb.Error as error:
        raise disk_full(folder, count * CROP_BYTES) from error
    finally:
        for store in stores:
            store.close()


def _datum(image: np.ndarray) -> bytes:
    """A serialized Datum from uint8 (h, w) or (h, w, C)."""
    planes = np.atleast_3d(image).transpose(2, 0, 1)
    sizes = dict(zip(("channels", "height", "width"), planes.shape, strict=True))
    return caffe_pb2().Datum(**sizes, data=planes.tobytes()).SerializeToString()


def require_nuclei(sets: Sequence[FieldSet]) -> None:
    """Refuse sets without a single nucleus: a net would learn that there are none."""
    if not any(len(one.points) for s in sets for one in s.fields):
        names = ", ".join(s.name for s in sets)
        raise UserError(names, "fields with nuclei", "none with any", "Give fields with marked nuclei.")
