"""The run folder: everything one run made, and the record of how."""

import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from common.errors import UserError
from common.files import read_json, write_json

RUNS = Path("runs")
CURRENT = Path("data/fold")  # a link to the fold that the hand-written prototxt files read
SELECTIONS = ("paper", "last", "inner")
CONTROLS = ("shuffle",)
# of the configuration, what run.json keeps under "dataset", and its name there
DATASET_FIELDS = {
    "dataset": "name",
    "data": "path",
    "fingerprint": "fingerprint",
    "cells": "cells",
    "phantom": "phantom",
}


@dataclass(frozen=True)
class RunConfig:
    """What distinguishes one run from another; everything else is in the files it made."""

    data: str
    dataset: str
    fingerprint: str
    profile: str = "paper"
    protocol: str = "cell"
    seed: int = 1
    classes: int = 2
    select: str = "paper"
    control: str | None = None
    encoding: str = "raw"
    allow_partial: bool = False
    cells: int = 0
    phantom: bool = False

    def default_name(self) -> str:
        """A folder name that differs wherever the configuration does."""
        parts = [self.dataset, self.protocol, self.profile]
        parts += ["7class"] if self.classes == 7 else []
        parts += [self.select] if self.select != "paper" else []
        parts += [self.control] if self.control else []
        parts += [f"seed{self.seed}"] if self.seed != 1 else []
        return "-".join(parts)


def open_run(config: RunConfig, name: str | None = None, runs: Path = RUNS) -> Path:
    """Make the folder of a run, or find it again; a folder of another configuration is refused."""
    run = runs / (name or config.default_name())
    record = run / "run.json"
    if record.exists():
        _require_same(record, read_config(run), config)
        return run
    run.mkdir(parents=True, exist_ok=True)
    write_json(
        record, {"command": command_line(), **_to_record(config), "weights": None, "tf32": False, **environment()}
    )
    return run


def _to_record(config: RunConfig) -> dict:
    record = asdict(config)
    return {"dataset": {new: record.pop(old) for old, new in DATASET_FIELDS.items()}, **record}


def read_config(run: Path) -> RunConfig:
    """The configuration a run was made with."""
    return read_run(run)[1]


def read_run(run: Path) -> tuple[dict, RunConfig]:
    """A run's record, run.json, and the configuration in it."""
    record = read_json(run / "run.json", "tools/build_lmdb.py")
    try:
        data = {name: record["dataset"][key] for name, key in DATASET_FIELDS.items()}
        names = {field.name for field in fields(RunConfig)} - DATASET_FIELDS.keys()
        return record, RunConfig(**data, **{name: record[name] for name in names})
    except (KeyError, TypeError) as error:
        do = "Remove the run folder and build it again."
        raise UserError(run / "run.json", "a run's configuration", f"{error}", do) from None


def _require_same(record: Path, old: RunConfig, new: RunConfig) -> None:
    # a data set that moved is still the same one: its fingerprint says so
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


def make_current(fold: Path) -> None:
    """Point data/fold at a finished fold, in one step."""
    CURRENT.parent.mkdir(exist_ok=True)
    if CURRENT.exists() and not CURRENT.is_symlink():
        raise UserError(CURRENT, "a link that build_lmdb made", "a folder", "Move it away.")
    link = CURRENT.with_name(f".{CURRENT.name}.{os.getpid()}")
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(fold, CURRENT.parent))
    link.replace(CURRENT)


def find_fold(given: str | None) -> Path:
    """The fold's folder: what was given, else the current one."""
    fold = Path(given) if given else CURRENT
    if not (fold / "fold.json").exists():
        raise UserError(fold, "a fold that tools/build_lmdb.py made", "none", "Run tools/build_lmdb.py --fold K first.")
    return Path(os.path.relpath(fold.resolve()))  # the link may point elsewhere before we have ended


def note_in_record(run: Path, **facts) -> None:
    """Write facts into the run's record."""
    with locked(run, wait=True):  # folds of one run may be trained side by side
        record = read_json(run / "run.json", "tools/build_lmdb.py")
        write_json(run / "run.json", {**record, **facts})


def note_weights(run: Path, weights: dict | None) -> None:
    """Write into the run's record which source weights it starts from; None is Gaussian initial values."""
    note_in_record(run, weights=weights)


def command_line() -> list[str]:
    """The command of this process, word by word."""
    return [os.path.relpath(sys.argv[0]), *sys.argv[1:]]


def environment() -> dict:
    """When, on what machine and with which versions."""
    packages = ("numpy", "lmdb", "opencv-python", "scikit-learn", "protobuf")
    versions = {name: version(name) for name in packages}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **versions, "project": _commit()},
    }


def machine() -> dict:
    """Processor, cores and system."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return {"processor": model, "cores": len(os.sched_getaffinity(0)), "system": platform.platform()}


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _commit() -> str:
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
