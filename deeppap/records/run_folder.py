"""The run folder: everything one run made, and the record of how."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import read_json, write_json
from deeppap.records.provenance import command_line, environment
from deeppap.records.request import Request

RUNS = Path("runs")
STARTED = "training.json"  # in a fold's folder, from the first iteration on: a resumed training must be the same one
# of the configuration, what run.json keeps under "dataset", and its name there
DATASET_FIELDS = {
    "dataset": "name",
    "data": "path",
    "fingerprint": "fingerprint",
    "cells": "cells",
    "view_plan": "view_plan",
    "pixel_um": "pixel_um",
    "paper": "paper",
    "phantom": "phantom",
    "labels": "labels",
}
# what records told by the data set's name alone before they kept it
OLDER = {
    "herlev": {"view_plan": "unbalanced", "pixel_um": 0.201, "paper": "herlev", "labels": None},
    "phantom": {"view_plan": "unbalanced", "pixel_um": None, "paper": None, "labels": None},
}
NEWER = {"engine": "caffe", "precision": "float32"}  # options that records had not before there was a choice
OLDER_MANIFEST = {"view_plan": "balanced", "pixel_um": None, "paper": None, "labels": None}


@dataclass(frozen=True, kw_only=True)
class RunConfig(Request):
    """What distinguishes one run from another: what was asked for, and the facts of the data set it was asked of.

    The facts are those of data_prep.cells.Dataset: a run folder is read back where the data set is not at hand.
    `labels` counts its normal and its abnormal cells; None in a record older than view counts that follow from them.
    """

    data: str
    dataset: str
    fingerprint: str
    cells: int = 0
    view_plan: str = "unbalanced"
    pixel_um: float | None = None
    paper: str | None = None
    phantom: bool = False
    labels: tuple[int, int] | None = None

    def default_name(self) -> str:
        """A folder name that differs wherever the configuration does.

        A selection other than the paper's is named, under field too, so that no name ever changes what it stands for.
        """
        parts = [self.dataset, self.protocol, self.profile]
        parts += ["7class"] if self.classes == 7 else []
        parts += [self.select] if self.select != "paper" else []
        parts += [self.control] if self.control else []
        parts += [self.engine] if self.engine != "caffe" else []
        parts += [self.precision] if self.precision != "float32" else []
        parts += [f"seed{self.seed}"] if self.seed != 1 else []
        return "-".join(parts)


def open_run(config: RunConfig, name: str | None = None, runs: Path = RUNS) -> Path:
    """Make the folder of a run, or find it again; a folder of another configuration is refused."""
    run = runs / (name or config.default_name())
    record = run / "run.json"
    if record.exists():
        old = read_config(run)
        _require_same(record, old, config)
        if old.data != config.data:  # the set has moved, and scoring opens it by this record
            written = read_json(record, "tools/build_lmdb.py")
            write_json(record, {**written, "dataset": {**written["dataset"], "path": config.data}})
        return run
    run.mkdir(parents=True, exist_ok=True)
    write_json(record, {"command": command_line(), **_to_record(config), "tf32": False, **environment()})
    return run


def _to_record(config: RunConfig) -> dict:
    record = asdict(config)
    return {"dataset": {new: record.pop(old) for old, new in DATASET_FIELDS.items()}, **record}


def read_config(run: Path) -> RunConfig:
    """The configuration a run was made with."""
    return read_run(run)[1]


def read_run(run: Path) -> tuple[dict, RunConfig]:
    """A run's record, run.json, and the configuration in it; what an older record lacks is filled in."""
    record = filled_in(run, read_json(run / "run.json", "tools/build_lmdb.py"))
    try:
        data = {name: record["dataset"][key] for name, key in DATASET_FIELDS.items()}
        names = {field.name for field in fields(RunConfig)} - DATASET_FIELDS.keys()
        return record, RunConfig(**data, **{name: record[name] for name in names})
    except (KeyError, TypeError) as error:
        raise _no_record(run, f"{error}") from None


def filled_in(run: Path, record: dict) -> dict:
    """A record with all of the data set's facts, also where it is an older one; UserError without a data set's name."""
    facts = record.get("dataset") if isinstance(record, dict) else None
    if not isinstance(facts, dict) or not isinstance(facts.get("name"), str):
        raise _no_record(run, "no data set with a name")
    facts = {**OLDER.get(facts["name"], OLDER_MANIFEST), **facts}
    pixel = facts["pixel_um"]
    if pixel is not None and (isinstance(pixel, bool) or not isinstance(pixel, int | float) or not pixel > 0):
        raise _no_record(run, f"pixel_um {pixel!r}"[:60])
    labels = facts["labels"]
    if labels is not None:
        if not isinstance(labels, list | tuple) or len(labels) != 2 or not all(type(count) is int for count in labels):
            raise _no_record(run, f"labels {labels!r}"[:60])
        facts["labels"] = tuple(labels)
    return {**NEWER, **record, "dataset": facts}


def _no_record(run: Path, found: str) -> UserError:
    return UserError(run / "run.json", "a run's configuration", found, "Remove the run folder and build it again.")


def _require_same(record: Path, old: RunConfig, new: RunConfig) -> None:
    # a data set that moved is still the same one: its fingerprint says so; an older run goes on as it began
    new = replace(new, labels=old.labels) if old.labels is None else new
    if replace(old, data=new.data) != new:
        names = [name for name, value in asdict(new).items() if asdict(old)[name] != value and name != "data"]
        expected = ", ".join(f"{name} {asdict(old)[name]}" for name in names)
        found = ", ".join(f"{name} {asdict(new)[name]}" for name in names)
        raise UserError(record, expected, found, "Give another --run, or remove that run's folder.")


def fold_folder(run: Path, fold: int) -> Path:
    """Where one fold of a run lies."""
    return run / f"fold{fold}"


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[int]:
    """Hold a folder of a run for oneself; a second process is refused (or waits) rather than let in.

    Yields the lock's file descriptor: a child that inherits it goes on holding the folder if we are killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            found = f"process {file.read().strip() or 'another'} at work in it"
            raise UserError(folder, "a folder nobody else works in", found, "Wait until it has ended.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def note_in_record(run: Path, **facts) -> None:
    """Write facts into the run's record."""
    with locked(run, wait=True):  # folds of one run may be trained side by side
        record = read_json(run / "run.json", "tools/build_lmdb.py")
        write_json(run / "run.json", {**record, **facts})
