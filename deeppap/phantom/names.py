"""How many cells a phantom has, which of them share a field, and what their files are called."""

from typing import NamedTuple

import numpy as np

from data_prep.herlev_classes import CLASSES

# Herlev's: 917 cells in 323 fields and 538 frames, normal and abnormal ones numbered far apart
FIELD_CELLS = 917 / 323
NEW_FRAME = (538 - 323) / (917 - 323)
FIRST_FIELD = {0: 153_900_000, 1: 148_490_000}

_FIELDS = 100  # the place of this file's random numbers beside the classes 0..6


class Place(NamedTuple):
    """Where one cell was "captured"."""

    class7: int
    index: int
    stem: str
    field: int


def class_counts(cells: int | None) -> list[int]:
    """Herlev's seven counts, or `cells` shared out in their proportion with at least 2 a class."""
    full = np.array([entry.count for entry in CLASSES])
    if cells is None:
        return full.tolist()
    ideal = full * cells / full.sum()
    counts = np.maximum(2, np.floor(ideal)).astype(int)
    while counts.sum() < cells:
        counts[np.argmax(ideal - counts)] += 1
    while counts.sum() > cells:
        counts[np.argmin(np.where(counts > 2, ideal - counts, np.inf))] -= 1
    return counts.tolist()


def places(counts: list[int], seed: int) -> list[Place]:
    """Name every cell; a field holds cells of one label, mostly of one class (counts: seven)."""
    named = []
    for label in (0, 1):
        rng = np.random.default_rng(np.random.SeedSequence((seed, _FIELDS, label)))
        cells = [
            (class7, index)
            for class7, entry in enumerate(CLASSES)
            if entry.label == label
            for index in range(counts[class7])
        ]
        order = np.argsort([class7 for class7, _ in cells] + rng.normal(0, 0.3, len(cells)), kind="stable")
        named += _number([cells[i] for i in order], FIRST_FIELD[label], rng)
    return sorted(named)


def _number(cells: list[tuple[int, int]], field: int, rng: np.random.Generator) -> list[Place]:
    """Cut a row of cells into fields and frames and number them as Herlev does: A-B-NNN."""
    largest = max(1, len(cells) // 5)  # a small phantom still has a field for each of five folds
    named, left = [], 0
    for class7, index in cells:
        if left == 0:
            field += int(rng.integers(60, 400))
            left = min(int(rng.geometric(1 / FIELD_CELLS)), largest)
            frame, number = field + int(rng.integers(5, 20)), 0
        elif rng.random() < NEW_FRAME:
            frame, number = frame + int(rng.integers(1, 9)), 0
        number, left = number + 1, left - 1
        named.append(Place(class7, index, f"{field}-{frame}-{number:03d}", field))
    return named
