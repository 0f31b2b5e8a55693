"""Finding and opening a data set, whatever its shape, or several as one.

Of several, ids and groups keep their set's name, and the cells are seen at one pixel size.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data_prep.cells import Cell, Dataset, is_phantom
from data_prep.herlev import read_herlev
from data_prep.manifest import read_manifest
from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.records import DatasetRecord, RunRecord

DEFAULT = Path("data/herlev")
SEPARATOR = ":"  # between the name of a set and an id or a group


def find_data(given: Sequence[str] | None) -> list[Path]:
    """The data sets' paths: what was given, else the environment's HERLEV, else data/herlev."""
    paths = [Path(path) for path in given or [os.environ.get("HERLEV") or DEFAULT]]
    if lost := next((path for path in paths if not path.exists()), None):
        do = "Give `data`, set HERLEV, put the set there, or draw one with tools/make_phantom.py."
        raise UserError(lost, "a Herlev folder or a manifest CSV", "nothing there", CHECK_PATH if given else do)
    return paths


def open_dataset(path: Path, allow_partial: bool = False, own: bool = False) -> Dataset:
    """Open a Herlev-shaped folder or a manifest (a CSV file, or a folder with cells.csv in it).

    `own` takes all the classes there are, also cells that are neither normal nor abnormal.
    """
    path = Path(path)
    if path.is_file():
        return read_manifest(path, own)
    if (path / "cells.csv").is_file():
        return read_manifest(path / "cells.csv", own)
    # a phantom says itself how many cells it has, so a small one is whole
    return read_herlev(path, allow_partial or is_phantom(path))


def open_datasets(paths: Sequence[Path], allow_partial: bool = False, own: bool = False) -> Dataset:
    """Open a data set, or several as one (see `together`)."""
    sets = [open_dataset(path, allow_partial, own) for path in paths]
    return sets[0] if len(sets) == 1 else together(sets)


def together(sets: Sequence[Dataset]) -> Dataset:
    """The cells of several sets, seen at the pixel size of the first.

    Two sets of one name are told apart by a number.

    Raises UserError if a set states its pixel size and another does not.
    """
    pixel_um = next((one.pixel_um for one in sets if one.pixel_um is not None), None)
    names = _names(sets)
    pairs = list(zip(names, sets, strict=True))
    return Dataset(
        name="+".join(names),
        root=sets[0].root,
        cells=tuple(_named(cell, name) for name, one in pairs for cell in one.cells),
        pixel_um=pixel_um,
        masks={f"{name}{SEPARATOR}{cell}": mask for name, one in pairs for cell, mask in one.masks.items()},
        phantom=any(one.phantom for one in sets),
        own=sets[0].own,
        left_out=sum((Counter(one.left_out) for one in sets), Counter()),
        set_names=tuple(names),
    ).seen_at(pixel_um)


def _names(sets: Sequence[Dataset]) -> list[str]:
    """A name for each set, none twice."""
    names, seen = [], Counter()
    for one in sets:
        name = one.name.replace(SEPARATOR, "-")
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _named(cell: Cell, name: str) -> Cell:
    group = None if cell.group is None else f"{name}{SEPARATOR}{cell.group}"
    return replace(cell, id=f"{name}{SEPARATOR}{cell.id}", group=group, set_name=name)


def reopened(run: RunRecord) -> Dataset:
    """The data set at the place where a run was built from it, the same or another one, as the run's net sees it."""
    paths = [Path(path) for path in run.dataset.paths]
    if lost := next((path for path in paths if not path.exists()), None):
        do = "Put it back, or name its new place once: tools/build_lmdb.py with `data`, `run` and all as before."
        raise UserError(lost, "the data set this run was built from", "no such file or folder", do)
    return as_recorded(open_datasets(paths, run.allow_partial, run.classes == "own"), run.dataset)


def as_recorded(dataset: Dataset, record: DatasetRecord) -> Dataset:
    """A data set as the net of a run saw it, if it is that run's.

    One pixel size for all images is the record's, whatever the set states now; several are a part of `dataset_sha`.
    """
    if record.pixel_um is not None and len({cell.pixel_um for cell in dataset.cells}) == 1:
        dataset = dataset.stated(*(record.resampled_um or (record.pixel_um,)))
    return dataset.seen_at(record.pixel_um)
