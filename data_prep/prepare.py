"""From a user's request to a run folder with its frozen split and one fold's data."""

import csv
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from data_prep.cells import Dataset, counts
from data_prep.dataset import find_data, open_dataset
from data_prep.fit_views import fit_views, plan_lines
from data_prep.fold_data import build_fold, fold_key
from data_prep.folds import FOLDS, PROTOCOLS, Split, make_split, read_split, write_split
from data_prep.image_hashes import IMAGES, write_images
from data_prep.patch_lmdb import ENCODINGS
from data_prep.profiles import Profile, read_profile
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent
from deeppap.records.request import CONTROLS, SELECTIONS, Request
from deeppap.records.run_folder import RUNS, RunConfig, fold_folder, locked, open_run, read_config


def check(request: Request) -> None:
    """Refuse a choice that does not exist, naming the option."""
    choices = {"protocol": PROTOCOLS, "select": SELECTIONS, "control": CONTROLS, "encoding": ENCODINGS}
    for name, known in choices.items():
        if getattr(request, name) not in known and getattr(request, name) is not None:
            raise UserError(f"--{name}", f"one of {', '.join(known)}", getattr(request, name), "Choose one of them.")
    read_profile(request.profile)


def prepare_run(
    request: Request, name: str | None, runs: Path = RUNS, suffix: str = ""
) -> tuple[Path, Dataset, Split, Profile]:
    """Open the data set and the run, and freeze the split; or find all three again.

    Without a `name` the run's is made of its configuration, and of `suffix`: what else tells it apart.
    """
    check(request)
    dataset = open_dataset(find_data(request.data), request.allow_partial)
    split = make_split(dataset, request.protocol, request.seed)
    config = _config(request, dataset, split)
    name = name or f"{config.default_name()}{suffix}"
    with locked(runs / name, wait=True):  # two folds of one run may start at once
        run = open_run(config, name, runs)
        if not (run / IMAGES).exists():
            write_images(run / IMAGES, dataset)
        split = freeze(run, dataset, split)
    if split["dataset_fingerprint"] != config.fingerprint:
        raise UserError(run / "split.json", "the split of this data set", "another's", "Give another --run.")
    return run, dataset, split, run_profile(read_config(run))  # an older run's record knows less


def _config(request: Request, dataset: Dataset, split: Split) -> RunConfig:
    facts = {name: getattr(dataset, name) for name in ("view_plan", "pixel_um", "paper", "phantom")}
    return RunConfig(
        **{**asdict(request), "data": str(find_data(request.data).absolute())},
        dataset=dataset.name,
        fingerprint=split["dataset_fingerprint"],
        cells=len(dataset.cells),
        labels=tuple(counts(dataset.cells, 2)),
        **facts,
    )


def expected_key(fold: Path) -> str:
    """The fingerprint that the data in a run's fold folder must carry: of that run's split and of that fold."""
    home = fold.resolve().parent
    return key_of(fold, read_config(home), read_split(home / "split.json"))


def key_of(fold: Path, config: RunConfig, split: Split) -> str:
    """As `expected_key`, of a run that has been read already."""
    folder = fold.resolve()
    number = folder.name.removeprefix("fold")
    if not number.isdecimal() or int(number) >= len(split["folds"]):
        do = "Give a fold's folder that tools/build_lmdb.py made."
        raise UserError(fold, f"a folder fold0 to fold{len(split['folds']) - 1} of a run", folder.name, do)
    return fold_key(split, int(number), config, run_profile(config))


def run_profile(config: RunConfig) -> Profile:
    """The profile of a run, with the training views that its data set gets."""
    return fit_views(read_profile(config.profile, config.view_plan), config)


def freeze(run: Path, dataset: Dataset, split: Split) -> Split:
    """Keep a run's cells and split as they are now; the split that it has from then on: a newer scikit-learn may deal
    otherwise.
    """
    if not (run / "cells.csv").exists():
        write_cells(run / "cells.csv", dataset)
    if not (run / "split.json").exists():
        write_split(run / "split.json", split)
    return read_split(run / "split.json")


def write_cells(path: Path, dataset: Dataset) -> None:
    """Write one line a cell: what the tables and figures need to know of it."""
    with complete_or_absent(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "class7", "class_name", "label", "group", "x", "y"])
        for cell in dataset.cells:
            kind = cell.label if cell.class7 is None else cell.class7
            name = dataset.kinds.get(cell.id, dataset.class_names[kind])
            row = [cell.id, cell.class7, name, cell.label, cell.group]
            writer.writerow([*("" if value is None else value for value in row), *(f"{v:.9g}" for v in cell.centre)])


def views_plan(config: RunConfig) -> list[str]:
    """Lines for the user: where the training views of a run are not as its profile is written, and why."""
    return plan_lines(read_profile(config.profile, config.view_plan), run_profile(config), config)


def prepare_fold(
    request: Request,
    fold: int,
    workers: int,
    name: str | None,
    runs: Path = RUNS,
    say: Callable[[str], None] = print,
) -> tuple[Path, str]:
    """Build one fold of a run; says first what its plan is, and returns its folder and a line for the user."""
    if not 0 <= fold < FOLDS:
        raise UserError("--fold", f"0 to {FOLDS - 1}", str(fold), "Folds are counted from 0.")
    run, dataset, split, profile = prepare_run(request, name, runs)
    target = fold_folder(run, fold)
    config = read_config(run)
    for line in views_plan(config):
        say(line)
    with locked(target):
        line = build_fold(target, dataset, split, fold, config, profile, workers)
    return target, line
