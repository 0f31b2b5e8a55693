"""The LMDBs that the nucleus net is trained on: crops and the maps to learn, in two databases of the same order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import lmdb
import numpy as np
from tqdm import tqdm

from deeppap.io.caffe_messages import caffe_pb2
from deeppap.io.errors import UserError
from deeppap.io.files import disk_full, require_space
from deeppap.screening.nuclei.fcn_crops import CROP, Prepared, cut, prepare
from deeppap.screening.nuclei.fields import Field

PARTS = ("image", "target")
CROP_BYTES = 2 * CROP * CROP  # a crop, its map, and the pages they end in
COMMIT = 500  # crops a transaction


@dataclass(frozen=True)
class FieldSet:
    """Fields of one pixel size; `loose` where their marks are not exhaustive, or not in the middle."""

    fields: Sequence[Field]
    mpp: float
    loose: bool = False
    name: str = field(default="fields")


def rarity(sets: FieldSet) -> list[np.ndarray]:
    """How often each nucleus of each field is chosen: the rarer its class, the more often, by the square root."""
    counts = Counter(label for one in sets.fields for label in one.labels)
    counts[""] = counts[""] or 1  # fields without classes
    return [np.array([counts[k] ** -0.5 for k in f.labels or ("",) * len(f.points)]) for f in sets.fields]


def gather(sets: Sequence[FieldSet], title: str) -> tuple[list[Prepared], np.ndarray]:
    """All fields, ready to be cut, and their shares: each set's by the root of its number of fields."""
    prepared, shares = [], []
    bar = tqdm(total=sum(len(s.fields) for s in sets), desc=title, unit="field", disable=None)
    for one in sets:
        weights = rarity(one)
        sums = np.array([w.sum() for w in weights])
        within = sums + max(sums.mean(), 1e-9)  # fields without a nucleus teach what none is
        shares.append(len(one.fields) ** 0.5 * within / within.sum())
        for each, weight in zip(one.fields, weights, strict=True):
            prepared.append(prepare(each, one.mpp, weight, one.loose))
            bar.update()
    bar.close()
    share = np.concatenate(shares)
    return prepared, share / share.sum()


def write_crops(folder: Path, name: str, sets: Sequence[FieldSet], count: int, seed: int) -> None:
    """Write `count` crops as `<name>_image_lmdb` and `<name>_target_lmdb` into a folder; same seed, same crops.

    Raises
    ------
    UserError
        If the disk fills up. The caller gives a partial folder and renames it when all is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    require_space(folder, count * CROP_BYTES)
    cv2.setNumThreads(1)  # the crops are too small to share out
    fields, shares = gather(sets, f"{name}: fields")
    rng = np.random.default_rng([seed, len(name)])
    size = count * CROP_BYTES + (64 << 20)
    stores = [lmdb.open(str(folder / f"{name}_{part}_lmdb"), map_size=size, sync=False) for part in PARTS]
    try:
        for start in tqdm(range(0, count, COMMIT), desc=f"{name}: crops", unit=f"{COMMIT} crops", disable=None):
            pairs = [cut(fields, shares, rng) for _ in range(min(COMMIT, count - start))]
            for store, images in zip(stores, zip(*pairs, strict=True), strict=True):
                with store.begin(write=True) as transaction:
                    for index, image in enumerate(images, start):
                        transaction.put(f"{index:08d}".encode(), datum(image), append=True)
        for store in stores:
            store.sync(True)
    except lmdb.Error as error:
        raise disk_full(folder, count * CROP_BYTES) from error
    finally:
        for store in stores:
            store.close()


def datum(image: np.ndarray) -> bytes:
    """A serialized Datum of one channel, from uint8 (h, w)."""
    height, width = image.shape
    return caffe_pb2().Datum(channels=1, height=height, width=width, data=image.tobytes()).SerializeToString()


def require_sets(sets: Sequence[FieldSet]) -> None:
    """Refuse sets without a single nucleus: a net would learn that there are none."""
    if not any(len(one.points) for s in sets for one in s.fields):
        names = ", ".join(s.name for s in sets)
        raise UserError(names, "fields with nuclei", "none with any", "Give fields of which nuclei are marked.")
