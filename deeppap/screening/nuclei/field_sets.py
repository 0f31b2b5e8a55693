"""Folders of fields as a command line names them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.fcn_data import FieldSet
from deeppap.screening.nuclei.fields import read_fields
from deeppap.screening.nuclei.nucleus import require_mpp


def open_sets(folders: Sequence[Path], sizes: Sequence[float], loose: Sequence[str] = ()) -> list[FieldSet]:
    """One set a folder; one pixel size for all, or one for each; `loose` names the folders whose marks are.

    Raises
    ------
    UserError
        For a number of pixel sizes that fits no folder, and a name in `loose` that is no folder's.
    """
    if len(sizes) not in (1, len(folders)):
        found, do = f"{len(sizes)}", "Give --mpp once for all, or once for each folder, in their order."
        raise UserError("--mpp", f"1 or {len(folders)} pixel sizes", found, do)
    names = [Path(folder).resolve().name for folder in folders]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        do = "Their figures go by that name: rename one, or give one of them."
        raise UserError("--fields", "folders of different names", f"{twice} twice", do)
    if strange := set(loose) - set(names):
        raise UserError("--loose", f"names among {', '.join(names)}", ", ".join(sorted(strange)), "Mend the name.")
    for size in sizes:
        require_mpp(size)
    sizes = list(sizes) * (len(folders) if len(sizes) == 1 else 1)
    return [
        FieldSet(read_fields(Path(folder)), size, name in loose, name)
        for folder, size, name in zip(folders, sizes, names, strict=True)
    ]


def split_sets(sets: Sequence[FieldSet], fold: int, folds: int, seed: int) -> tuple[list[FieldSet], list[FieldSet]]:
    """The training and the test fields of one fold, every field whole, every set dealt out by itself.

    Raises
    ------
    UserError
        If a set has fewer fields than there are folds.
    """
    train, test = [], []
    for one in sets:
        if len(one.fields) < folds:
            raise UserError(one.name, f"at least {folds} fields", f"{len(one.fields)}", "Use fewer folds.")
        order = np.random.default_rng([seed, len(one.fields)]).permutation(len(one.fields))
        held = set(order[fold::folds].tolist())
        for part, want in ((train, False), (test, True)):
            part.append(replace(one, fields=[f for i, f in enumerate(one.fields) if (i in held) == want]))
    return train, test
