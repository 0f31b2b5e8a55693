"""The run folder: everything one run made, and the record of how; and the link data/fold to one of its folds.

The hand-written prototxt files read a fold, and write its snapshots, by that link.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import msgspec

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.files import FULL, disk_full
from deeppap.records.provenance import command_line, provenance
from deeppap.records.release_files import SUMS, release_folds
from deeppap.records.structs import DatasetRecord, FoldRecord, Options, OutputRecord, RunRecord

RUNS = Path("runs")
CURRENT = Path("data/fold")
OPTIONS = Options.__struct_fields__
SAME = (*OPTIONS, "stain_jitter", "scale_jitter")  # in all calls for one run


def new_run(
    request: Options,
    dataset: DatasetRecord,
    outputs: list[OutputRecord] | None,
    stain_jitter: float,
    scale_jitter: float,
) -> RunRecord:
    """The record of a run that is made here and now, by this command; a net of own classes has `outputs`."""
    options = {name: getattr(request, name) for name in OPTIONS}
    options |= {"border": request.border or "constant", "classes": request.classes or 2}
    options |= {"stain_jitter": stain_jitter, "scale_jitter": scale_jitter}
    return RunRecord(**options, command=command_line(), dataset=dataset, outputs=outputs, **provenance())


def default_name(run: RunRecord) -> str:
    """A folder name that differs wherever the options do.

    A selection other than the paper's is always named, so that no name ever changes what it stands for.
    """
    differs = [
        (f"{run.classes}class", run.classes != 2),
        (run.select, run.select != "paper"),
        (run.border, run.border != "constant"),
        (run.control, run.control is not None),
        (run.engine, run.engine != "caffe"),
        (run.precision, run.precision != "float32"),
        (f"seed{run.seed}", run.seed != 1),
    ]
    return "-".join([run.dataset.name, run.protocol, run.profile, *(name for name, named in differs if named)])


def open_run(wanted: RunRecord, folder: Path) -> RunRecord:
    """Make the folder of a run, or find it again, and return its record.

    UserError if the folder holds a run with other options or another data set.
    """
    old = RunRecord.read_if_there(folder)
    if old is None:
        folder.mkdir(parents=True, exist_ok=True)
        wanted.write(folder)
        return wanted
    # a data set that moved is still the same one: dataset_sha says so
    moved = msgspec.structs.replace(old.dataset, path=wanted.dataset.path, sets=wanted.dataset.sets)
    _require_same(folder / RunRecord.FILE, old, wanted, moved)
    if moved != old.dataset:  # scoring opens the set by this record
        old = msgspec.structs.replace(old, dataset=moved)
        old.write(folder)
    return old


def _require_same(file: Path, old: RunRecord, new: RunRecord, dataset: DatasetRecord) -> None:
    then = {name: getattr(old, name) for name in SAME} | msgspec.structs.asdict(dataset)
    now = {name: getattr(new, name) for name in SAME} | msgspec.structs.asdict(new.dataset)
    names = [name for name, value in now.items() if then[name] != value]
    if names:
        expected = ", ".join(f"{name} {then[name]}" for name in names)
        found = ", ".join(f"{name} {now[name]}" for name in names)
        raise UserError(file, expected, found, "Give another `run`, or remove that run's folder.")


def fold_folder(run: Path, fold: int) -> Path:
    """Where one fold of a run lies."""
    return run / f"fold{fold}"


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[int]:
    """Hold a folder of a run; a second process is refused, or waits.

    Yields the lock's file descriptor: a child that inherits it goes on holding the folder if we are killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise UserError(path, "a lock that a tool made", "a link", "Remove it.") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            found = f"process {os.read(lock, 20).decode(errors='replace').strip() or 'of unknown number'} using it"
            raise UserError(folder, "a folder that no other process uses", found, "Wait until it has ended.") from None
        if not os.read(lock, 100).strip().isdigit() and os.fstat(lock).st_size:
            raise UserError(path, "a lock that a tool made", "a file of something else", "Move it away.")
        try:
            # our number, for the message of the process that is refused
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except OSError as error:
            error.filename = str(path)  # which such an error does not name
            if error.errno in FULL:
                raise disk_full(path, 0) from error
            raise
        yield lock
    finally:
        os.close(lock)


def note_tf32(run: Path) -> None:
    """Write into a run's record that a fold was trained with TF32."""
    with locked(run, wait=True):  # folds of one run may be trained side by side
        msgspec.structs.replace(RunRecord.read(run), tf32=True).write(run)


def make_current(fold: Path) -> None:
    """Point data/fold at a finished fold, in one step.

    UserError if a process reads the fold that data/fold points to now. Caffe opens the link anew for each snapshot, so
    a moved link would put them into another fold.
    """
    CURRENT.parent.mkdir(exist_ok=True)
    if CURRENT.exists() and not CURRENT.is_symlink():
        raise UserError(CURRENT, "a link that build_lmdb made", "a folder", "Move it away.")
    with locked(CURRENT.parent, wait=True):  # two may build at once
        if CURRENT.exists() and CURRENT.resolve() == fold.resolve():
            return
        for folder in sorted(CURRENT.glob("*_lmdb")):
            if is_read(folder):
                do = f"Wait until it has ended. {fold} itself is built: the same command then moves the link alone."
                raise UserError(CURRENT, "a link that nobody trains through", f"a process reading {folder}", do)
        # replaced in one step, so that data/fold always points to a fold
        link = CURRENT.with_name(f".{CURRENT.name}.{os.getpid()}")
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(fold, CURRENT.parent))
        link.replace(CURRENT)


def is_read(lmdb: Path) -> bool:
    """Whether a process, such as Caffe, has an LMDB open: it holds a lock on lock.mdb until it closes or dies."""
    try:
        with (lmdb / "lock.mdb").open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def find_fold(given: Path | str | None) -> Path:
    """The fold's folder: what was given, or the only fold in it, else the current one."""
    # the link may point elsewhere before we have ended
    return Path(os.path.relpath(only_fold(Path(given) if given else CURRENT).resolve()))


def is_release(folder: Path) -> bool:
    """Whether a folder lists its files as a release does."""
    return (folder / SUMS).is_file()


def one_net(given: Path) -> Path:
    """As `only_fold`, also of a release, whose files are checked first."""
    if not is_release(given):
        return only_fold(given)
    folds = release_folds(given)
    return folds[0] if len(folds) == 1 else refuse_several(given, folds)


def only_fold(given: Path) -> Path:
    """A fold's folder itself, or the only fold of a run's folder; UserError naming the folds if there are several."""
    if (given / FoldRecord.FILE).exists():
        return given
    folds = sorted(record.parent for record in given.glob(f"fold*/{FoldRecord.FILE}"))
    if len(folds) > 1:
        refuse_several(given, folds)
    if folds:
        return folds[0]
    found, do = "none", "Give a fold such as RUN/fold3, or run tools/build_lmdb.py first."
    if given != CURRENT and not given.exists():
        found, do = "no such folder", CHECK_PATH
    raise UserError(given, "a fold that tools/build_lmdb.py made", found, do)


def refuse_several(given: Path, folds: Sequence[Path]) -> NoReturn:
    """Refuse a run or a release of several nets where one is wanted."""
    do = f"Give one of its folds: {', '.join(map(str, folds))}."
    raise UserError(given, "a fold, or a run or release of one", f"{len(folds)} folds", do)
