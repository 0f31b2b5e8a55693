"""Several rounds of labels of the same cells: which label counts, and how well people agree."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scipy.spatial import cKDTree

from data_prep.importers.labelled import Labelled
from deeppap.io.files import sha256_file

if TYPE_CHECKING:
    from data_prep.importers.gather import Gathered

SAME = 2.0  # pixels: two labels so close are of one nucleus
# um, of two sources: a detector's centre and a drawn one differ by up to 3.5 in a large nucleus. In CRIC, 16 pairs of
# its 2,815 marked nuclei are nearer to each other than this
SAME_UM = 4.0
Place = tuple[float, float]  # x, y
Pairs = dict[tuple[str, str], list[tuple[str, str]]]  # (person, person) -> their classes of the same cells


def unify_images(found: "Gathered") -> None:
    """Give the objects of each source the images of earlier sources, where the bytes are the same.

    Each round may have a folder of copies.
    """
    of_size: dict[int, list[Path]] = defaultdict(list)  # the images so far by their size in bytes: only such are read
    for number in range(len(found.sources)):
        objects = [one for one in found.cells if one.round == number]
        images: dict[Path, Path] = {}
        for path in dict.fromkeys(one.image for one in objects):
            earlier = of_size[path.stat().st_size]
            images[path] = next((other for other in earlier if sha256_file(other) == sha256_file(path)), path)
        for one in objects:
            one.image = images[one.image]
        # only now: two images of one source stay two, even if they are copies
        for path in dict.fromkeys(images.values()):
            if path not in (alike := of_size[path.stat().st_size]):
                alike.append(path)
    # fields of an earlier import may have been labelled by themselves
    cut = {one.image: (one.slide_sha256, one.corner) for one in found.cells if one.slide_sha256}
    for one in found.cells:
        one.slide_sha256, one.corner = cut.get(one.image, ("", (0, 0)))


def tell_copies(found: "Gathered") -> None:
    """Warn of images with the same bytes under several names: a net would be tested by what it learned from."""
    of_size: dict[int, list[Path]] = defaultdict(list)
    for path in found.by_image():
        of_size[path.stat().st_size].append(path)
    first: dict[str, Path] = {}
    alike = [path for paths in of_size.values() if len(paths) > 1 for path in paths]
    pairs = [(path, first.setdefault(sha256_file(path), path)) for path in alike]
    if copies := [(path, other) for path, other in pairs if path != other]:
        path, other = copies[0]
        line = f"{len(copies):,} images are copies of others, such as {path} of {other}"
        found.warnings.append(f"{line}: keep one of each, or give them one group. Do their labels agree?")


def one_for_each_nucleus(found: "Gathered") -> list[Labelled]:
    """One cell for each nucleus; what is left out is noted in `found`, and so is how well people agree.

    Equal repeats are merged. Of different labels the later one counts: by its time, otherwise by the order of the
    sources. Two different labels of one source without times contradict each other, and both are left out.
    """
    dropped: set[int] = set()  # ids of objects
    people: Pairs = defaultdict(list)
    for labels in found.by_picture().values():
        cells = [(one, one.place) for one in labels]
        _settle(_of_one_source(cells), found, dropped, people)
        pairs = list(_of_two_sources([(one, place) for one, place in cells if id(one) not in dropped]))
        found.in_two_sources += len(pairs)
        found.of_two_labels += sum(first.known.label != second.known.label for first, second in pairs)
        _settle(pairs, found, dropped, people)
    for (one, other), classes in people.items():
        alike = sum(a == b for a, b in classes)
        line = f"{one} and {other} labelled {len(classes)} cells both, {alike} alike"
        kappa = cohens_kappa(classes)
        found.warnings.append(line if kappa is None else f"{line}: Cohen's kappa {kappa:.2f}.")
    return [one for one in found.cells if id(one) not in dropped]


def _of_one_source(cells: list[tuple[Labelled, Place]]) -> Iterator[tuple[Labelled, Labelled]]:
    """Pairs of labels of one nucleus within each source; nuclei of a clump may be near each other."""
    for pair in sorted(_near(cells, SAME)):
        first, second = (cells[number][0] for number in pair)
        if first.round == second.round:
            yield first, second


def _of_two_sources(cells: list[tuple[Labelled, Place]]) -> Iterator[tuple[Labelled, Labelled]]:
    """Pairs of labels of one nucleus, of two sources; with each other source a label is paired once, the nearest first.

    So a label between two nuclei of a clump is not taken for both.
    """
    um = next((one.pixel_um for one, _ in cells if one.pixel_um), None)
    pairs = _near(cells, max(SAME, SAME_UM / um) if um else SAME)
    paired: set[tuple[int, int]] = set()  # a label, and the source that has its other one
    for pair in sorted(pairs, key=lambda pair: (math.dist(*(cells[number][1] for number in pair)), pair)):
        first, second = (cells[number][0] for number in pair)
        both = {(pair[0], second.round), (pair[1], first.round)}
        if first.round != second.round and not both & paired:
            paired |= both
            yield first, second


def _near(cells: list[tuple[Labelled, Place]], pixels: float) -> set[tuple[int, int]]:
    return cKDTree([place for _, place in cells]).query_pairs(pixels) if cells else set()


def _settle(pairs: Iterable[tuple[Labelled, Labelled]], found: "Gathered", dropped: set[int], people: Pairs) -> None:
    """Note in `found`, `dropped` and `people` what becomes of pairs of labels of one nucleus."""
    for pair in pairs:
        first, second = sorted(pair, key=_age)
        if first.by and second.by and first.by != second.by:
            # by name: A with B is the same pair as B with A
            names = sorted(((first.by, first.known.name), (second.by, second.known.name)))
            people[names[0][0], names[1][0]].append((names[0][1], names[1][1]))
        said = f"{_text(first)}, {_text(second)}"
        if first.known.name == second.known.name:
            repeat = second if _age(first) == _age(second) else first
            found.left_out["repeats of the same cell and class"].append(repeat.where)
            dropped.add(id(repeat))
        elif _age(first) == _age(second):
            found.left_out["pairs of labels that contradict each other"].append(said)
            dropped |= {id(first), id(second)}
        else:
            found.left_out["labels that a later one replaces"].append(said)
            dropped.add(id(first))


def cohens_kappa(pairs: list[tuple[str, str]]) -> float | None:
    """Agreement beyond chance of two people's classes; None if both gave all cells one class."""
    if len({name for pair in pairs for name in pair}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score  # takes seconds to import, and few imports need it

    return float(cohen_kappa_score(*zip(*pairs, strict=True)))


def _age(one: Labelled) -> tuple[str, int]:
    """Grows from the oldest label to the latest; a label without a time is older than any that has one."""
    return one.at, one.round


def _text(one: Labelled) -> str:
    return f"{one.where} says {one.known.name}" + (f" ({one.by})" if one.by else "")
