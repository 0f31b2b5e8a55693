"""Looking for leaks: views of the training LMDB that the validation LMDB holds too, duplicates inside a data set."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import lmdb
import numpy as np

from data_prep.cells import Dataset
from data_prep.fold_data import LMDBS, verify_fold
from data_prep.image_hashes import pixel_sha256
from data_prep.patch_lmdb import decoded
from deeppap.io.caffe_messages import caffe_pb2
from deeppap.io.image_file import read_image

SIDE = 16  # of a perceptual hash: 16 x 16 comparisons
# bits of 256 in which two hashes of one picture may differ; measured on Herlev: a copy with noise, JPEG or another
# brightness differs in 18 at most, two cells in 29 at least, two cells' views (with their black corners) in 15
NEAR = 20
NEAR_VIEWS = 10
TURNS = 8  # orientations of an image
BLOCK = 32  # hashes compared with all others at once: 32 x 100,000 x 32 bytes


class Leak(NamedTuple):
    """Two pictures that should have nothing in common; `distance` in bits of 256 where `kind` is "near"."""

    kind: str  # "cell": views of one cell; "exact": the same pixels; "near": alike but for small changes
    first: str
    second: str
    distance: int


class Pictures(NamedTuple):
    """Names, checksums of the pixels, and perceptual hashes uint64 (N, 4), of N pictures."""

    names: list[str]
    exact: list[str]
    near: np.ndarray


def perceptual_hash(image: np.ndarray) -> np.ndarray:
    """Whether each of 16 x 16 places is brighter than its right neighbour: uint64 (4,) of an image (H, W, 3).

    Noise, compression and a change of brightness or contrast turn few of the 256 bits.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    # one column more than places: each place is compared with its right neighbour
    small = cv2.resize(grey.astype(np.float32), (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, :-1] > small[:, 1:]).view(np.uint64)


def near_pairs(first: np.ndarray, second: np.ndarray, limit: int = NEAR) -> Iterator[tuple[int, int, int]]:
    """Indices and distance of all pairs of hashes, uint64 (N, 4) and (M, 4), at most `limit` bits apart."""
    for start in range(0, len(second), BLOCK):
        part = second[start : start + BLOCK, None]
        # XOR leaves a bit where two hashes differ
        distance = np.bitwise_count(part ^ first[None]).sum(axis=2, dtype=np.int32)
        for row, column in np.argwhere(distance <= limit).tolist():
            yield column, start + row, int(distance[row, column])


def read_views(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Key and image, uint8 (256, 256, 3) BGR, of every record of a patch LMDB."""
    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as transaction:
        for key, value in transaction.cursor():
            yield key.decode(errors="replace"), decoded(caffe_pb2().Datum.FromString(value))


def describe(pictures: Iterator[tuple[str, np.ndarray]]) -> Pictures:
    """Hash pictures one after another; none is kept."""
    names, exact, near = [], [], []
    for name, image in pictures:
        names.append(name)
        exact.append(pixel_sha256(image))
        near.append(perceptual_hash(image))
    return Pictures(names, exact, np.array(near, np.uint64).reshape(len(names), 4))


def audit_fold(fold: Path) -> list[Leak]:
    """Compare a fold's training LMDB with its validation LMDB: by cell, by pixels, by perceptual hash.

    Raises UserError if an LMDB is not the one that was written; nothing is read from it then.
    """
    verify_fold(fold)
    return compare(*(describe(read_views(fold / name)) for name in LMDBS))


def compare(train: Pictures, validation: Pictures) -> list[Leak]:
    """Every leak between the views of two LMDBs; the first one of each cell stands for the others."""
    # reversed, so that of many views with one key the first stays
    known = {_cell(name): name for name in reversed(train.names)}
    cells = {_cell(name): name for name in reversed(validation.names)}
    exact = dict(zip(reversed(train.exact), reversed(train.names), strict=True))
    leaks = [Leak("cell", known[cell], cells[cell], 0) for cell in sorted(known.keys() & cells.keys())]
    same = set()
    for name, checksum in zip(validation.names, validation.exact, strict=True):
        if checksum in exact:
            same.add(name)
            leaks.append(Leak("exact", exact[checksum], name, 0))
    for i, j, distance in near_pairs(train.near, validation.near, NEAR_VIEWS):
        if validation.names[j] not in same:
            leaks.append(Leak("near", train.names[i], validation.names[j], distance))
    return leaks


def _cell(key: str) -> str:
    return key.split("_", 1)[-1]


def audit_dataset(dataset: Dataset) -> list[Leak]:
    """Exact and near duplicates among a data set's images; turned and mirrored copies are found too."""
    turned = describe(_all_turns(dataset))
    # each orientation of all images, the first as they are; an image is called as the first cell in it
    each = [Pictures(*(part[start::TURNS] for part in turned)) for start in range(TURNS)]
    plain, leaks, seen = each[0], [], set()
    for other in each:
        for i, j, kind, distance in _duplicates(plain, other):
            pair = (min(i, j), max(i, j))
            if i != j and pair not in seen:
                seen.add(pair)
                leaks.append(Leak(kind, plain.names[pair[0]], plain.names[pair[1]], distance))
    return sorted(leaks)


def _duplicates(first: Pictures, second: Pictures) -> Iterator[tuple[int, int, str, int]]:
    """Indices of each pair of equal or nearly equal pictures, with its kind and distance; equal ones come first."""
    exact: dict[str, list[int]] = {}
    for index, checksum in enumerate(first.exact):
        exact.setdefault(checksum, []).append(index)
    for j, checksum in enumerate(second.exact):
        for i in exact.get(checksum, []):
            yield i, j, "exact", 0
    for i, j, distance in near_pairs(first.near, second.near):
        yield i, j, "near", distance


def _all_turns(dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Each image in all orientations: turned by right angles, as it is and mirrored; every one is read once."""
    first: dict[Path, str] = {}
    for cell in dataset.cells:
        # a field image holds many cells, and is one picture
        first.setdefault(cell.image, cell.id)
    for path, name in first.items():
        image = read_image(path)
        for side in (image, image[:, ::-1]):
            for quarter in range(4):
                yield name, np.ascontiguousarray(np.rot90(side, quarter))
