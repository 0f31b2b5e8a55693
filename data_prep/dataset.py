"""Finding and opening a data set, whatever its shape."""

import os
from pathlib import Path

from data_prep.cells import Dataset, is_phantom
from data_prep.herlev import read_herlev
from data_prep.manifest import read_manifest
from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.records import RunRecord

DEFAULT = Path("data/herlev")


def find_data(given: str | None) -> Path:
    """The data set's path: what was given, else the environment's HERLEV, else data/herlev."""
    path = Path(given or os.environ.get("HERLEV") or DEFAULT)
    if not path.exists():
        do = CHECK_PATH
        if not given:
            do = "Give `data`, set HERLEV, put the set there, or draw one with tools/make_phantom.py."
        raise UserError(path, "a Herlev folder or a manifest CSV", "nothing there", do)
    return path


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


def reopened(run: RunRecord) -> Dataset:
    """The data set at the place where a run was built from it, the same or another one."""
    data = Path(run.dataset.path)
    if not data.exists():
        do = "Put it back, or name its new place once: tools/build_lmdb.py with `data`, `run` and all as it was built."
        raise UserError(data, "the data set this run was built from", "no such file or folder", do)
    return open_dataset(data, run.allow_partial, run.classes == "own")
