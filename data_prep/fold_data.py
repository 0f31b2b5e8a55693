"""One fold's data: train_lmdb, val_lmdb and mean.binaryproto, complete or absent."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.cells import Cell, Dataset
from data_prep.classes import outputs_of
from data_prep.folds import inner_split, train_test_cells
from data_prep.image_hashes import write_fold_images
from data_prep.mean_image import read_mean, write_mean
from data_prep.patch_lmdb import ENTRY_BYTES, Source, write_patch_lmdb
from data_prep.profiles import Grids, Profile, run_profile
from data_prep.regions import cut_regions, region_bytes
from data_prep.views import NO_JITTER, rng, spread
from deeppap.io.caffe_messages import training_prototxt, written_outputs
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import digest, human, remove, require_space, sha256_file, sync
from deeppap.io.training_prototxt import read_training
from deeppap.records import FoldRecord, LmdbRecord, ModelRecord, RunRecord, SplitRecord
from deeppap.records.run_folder import is_read

LMDBS = ("train_lmdb", "val_lmdb")
PNG_SHARE = 0.6  # of raw: the most that a view of noise and texture took


def fold_cells(
    dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord
) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """Training, validation and test cells; `inner` validates on a fifth of the training cells.

    The paper selects its snapshot on the very fold it reports, so there validation and test are one.
    """
    train, test = train_test_cells(dataset, split, fold)
    # for `last` the validation loss is only shown; the test cells show it as in the paper
    if run.select != "inner":
        return train, test, test
    train, validation = inner_split(train, run.protocol, run.seed, run.classes == "own")
    return train, validation, test


def parts_of(dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord) -> dict[str, list[Cell]]:
    """The cells of a fold by the part they play; `inner` is empty where the test cells choose the snapshot."""
    train, validation, test = fold_cells(dataset, split, fold, run)
    return {"train": train, "inner": validation if run.select == "inner" else [], "test": test}


def class_labels(cells: Sequence[Cell], run: RunRecord, shuffled: bool = False) -> list[int]:
    """The output of the net that each cell is trained on; the control deals them out anew, at random."""
    labels = [cell.label for cell in cells]
    if run.classes != 2:
        number = {one.name: index for index, one in enumerate(outputs_of(run))}
        if lost := next((cell.kind for cell in cells if cell.kind not in number), None):
            do = "Use `classes` own, one output for each class of the data, or 2."
            raise FieldError("classes", f"cells of {', '.join(number)}", lost, do)
        labels = [number[cell.kind] for cell in cells]
    if shuffled:
        labels = [labels[i] for i in rng(run.seed, "control", "shuffle").permutation(len(labels))]
    return labels


def sources(dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord, profile: Profile) -> tuple[Source, Source]:
    """What the training and the validation LMDB of a fold are made of."""
    train, validation, _ = fold_cells(dataset, split, fold, run)
    # training labels alone: a control is judged by true ones
    shuffled = run.control == "shuffle"
    grids = [profile.grid_of(cell) for cell in train]
    full = [range(grid.views) for grid in grids]
    tests = [profile.test] * len(validation)
    some = [spread(profile.test.views, profile.validation_views)] * len(validation)
    common = {"seed": run.seed, "encoding": run.encoding, "border": run.border}
    return (
        Source(train, class_labels(train, run, shuffled), "train", grids, full, **common, jitter=profile.jitter),
        Source(validation, class_labels(validation, run), "test", tests, some, **common),
    )


def views_in(source: Source) -> int:
    """How many views a source makes."""
    return sum(map(len, source.indices))


def need_bytes(*parts: Source) -> int:
    """Disk that the LMDBs of these sources take at most, with the regions that are kept while they are written."""
    views = sum(int(views_in(s) * ENTRY_BYTES * (PNG_SHARE if s.encoding == "png" else 1)) for s in parts)
    return views + sum(region_bytes(s.reach) * len(s.cells) for s in parts)


def fold_key(split: SplitRecord, fold: int, run: RunRecord, profile: Profile) -> str:
    """The fingerprint of a fold's data: everything it follows from."""
    counts = [_plain(profile.train), list(profile.test), profile.validation_views]
    outputs = [[one.name, one.label] for one in outputs_of(run)] if run.classes == "own" else run.classes
    data, more = run.dataset, []
    # only where there is any of it, so that the fingerprint of a fold from before stays as it was
    if data.resampled_um:
        more.append({"pixel_um": data.pixel_um, "resampled_um": data.resampled_um})
    if profile.train_of_sets:
        more.append({name: _plain(grids) for name, grids in profile.train_of_sets.items()})
    if profile.jitter != NO_JITTER:
        more.append({"stain_jitter": profile.jitter.stain, "scale_jitter": profile.jitter.scale})
    if run.border != "constant":
        more.append({"border": run.border})
    return digest(split.split_sha, fold, run.select, outputs, run.control, run.seed, run.encoding, counts, *more)


def key_of(fold: Path, run: RunRecord, split: SplitRecord) -> str:
    """The fingerprint that a fold's folder must have by its run; UserError if it is not one of the run's folds."""
    folder = fold.resolve()
    number = folder.name.removeprefix("fold")
    if not number.isdecimal() or int(number) >= len(split.folds):
        do = "Give a fold's folder that tools/build_lmdb.py made."
        raise UserError(fold, f"a folder fold0 to fold{len(split.folds) - 1} of a run", folder.name, do)
    return fold_key(split, int(number), run, run_profile(run))


def _plain(grids: Grids) -> dict[str, list[int]]:
    return {str(label): list(grid) for label, grid in grids.items()}


def is_built(target: Path) -> bool:
    """Whether a fold's folder has its views."""
    return (target / FoldRecord.FILE).exists() and all((target / name / "data.mdb").exists() for name in LMDBS)


def build_fold(
    target: Path, dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord, profile: Profile, workers: int
) -> str:
    """Build a fold's data under `target`; what is there and whole is kept. Returns one line for the user."""
    key = fold_key(split, fold, run, profile)
    train, validation = sources(dataset, split, fold, run, profile)
    # other data must not take the place of a fold's own, whose net would have no mean image any more
    for known in (FoldRecord.read_if_there(target), ModelRecord.read_if_there(target)):
        if known:
            _require_key(target, known.fold_sha, key)
    # else given back, or giving it back was cut short: build again
    if is_built(target):
        verify_fold(target)
        return f"{target}: its patches are already complete"
    # before hours of work, not after
    read_training(training_prototxt(run.classes), written_outputs(run.classes))
    for name in LMDBS:
        if is_read(target / name):
            raise UserError(target / name, "an LMDB that nobody reads", "a process reading it", "Wait until it ended.")
        remove(target / name)
        remove(_partial(target, name))
    require_space(target, need_bytes(train, validation))
    lmdbs, checksums = _write_lmdbs(target, train, validation, workers)
    record = FoldRecord(
        fold=fold,
        fold_sha=key,
        split_sha=split.split_sha,
        **lmdbs,
        mean_sha=sha256_file(target / "mean.binaryproto"),
        train_cells=len(train.cells),
        val_cells=len(validation.cells),
        validation_views=len(validation.indices[0]),
        train_labels=np.bincount(train.labels, list(map(len, train.indices)), len(outputs_of(run)))
        .astype(int)
        .tolist(),
    )
    (target / "snapshots").mkdir(exist_ok=True)
    write_fold_images(target, parts_of(dataset, split, fold, run), checksums)
    sync(target)
    # after all else: a fold is complete if it has a record
    record.write(target)
    size = human(record.train_lmdb.bytes + record.val_lmdb.bytes)
    views = f"{record.train_lmdb.entries:,} training and {record.val_lmdb.entries:,} validation views"
    return f"{target}: {views} (pictures of a cell, turned and shifted), {size}"


def _partial(target: Path, name: str) -> Path:
    """Where an LMDB is written until both are complete: beside it, so that the rename is atomic."""
    return target / f".{name}.partial"


def _write_lmdbs(
    target: Path, train: Source, validation: Source, workers: int
) -> tuple[dict[str, LmdbRecord], dict[Path, str]]:
    """Write both LMDBs and the mean image, all or none of them.

    Returns the LMDBs' part of the record, and the checksums of the pixels of every image that was decoded.
    """
    record, means = {}, {}
    try:
        with cut_regions([*train.cells, *validation.cells], target, workers, train.reach) as regions:
            for name, source in zip(LMDBS, (train, validation), strict=True):
                partial = _partial(target, name)
                entries, means[name] = write_patch_lmdb(partial, source, regions, workers, name)
                record[name] = lmdb_record(partial, entries)
                (partial / "lock.mdb").unlink(missing_ok=True)
        # the final names come last and together: an LMDB under its name is whole
        write_mean(target / "mean.binaryproto", means[LMDBS[0]])
        for name in LMDBS:
            _partial(target, name).rename(target / name)
    finally:
        for name in LMDBS:
            remove(_partial(target, name))
    return record, regions.sha256


def lmdb_record(lmdb: Path, entries: int) -> LmdbRecord:
    """Size and checksum of an LMDB's data file, for the fold's record."""
    data = lmdb / "data.mdb"
    return LmdbRecord(entries=entries, bytes=data.stat().st_size, sha256=sha256_file(data))


def verify_lmdb(lmdb: Path, record: LmdbRecord) -> None:
    """Refuse an LMDB that is not the one that was written: a truncated file still reports its full
    entry count and then kills the reader with SIGBUS.
    """
    data = lmdb / "data.mdb"
    if not data.is_file():
        do = "LMDBs are removed when a fold is scored. Build it again with tools/build_lmdb.py; its model stays."
        raise UserError(data, "the LMDB's data file", "no such file", do)
    do = f"Remove {lmdb} and build the fold again with tools/build_lmdb.py; its model stays."
    size = data.stat().st_size
    if size != record.bytes:
        raise UserError(data, f"{record.bytes:,} bytes", f"{size:,} ({human(size)})", do)
    found = sha256_file(data)
    if found != record.sha256:
        raise UserError(data, f"sha256 {record.sha256[:16]}...", f"{found[:16]}...", do)


def verify_fold(target: Path, key: str | None = None) -> FoldRecord:
    """Check a fold's LMDBs and mean against their record and return it; another key is refused."""
    record = FoldRecord.read(target)
    if key is not None:
        _require_key(target, record.fold_sha, key)
    for name in LMDBS:
        verify_lmdb(target / name, getattr(record, name))
    mean = target / "mean.binaryproto"
    read_mean(mean)
    if sha256_file(mean) != record.mean_sha:
        do = "Remove fold.json beside it and build the fold again with tools/build_lmdb.py; its model stays."
        raise UserError(mean, "the mean image of this fold's training views", "another one", do)
    return record


def _require_key(target: Path, known: str, key: str) -> None:
    if known != key:
        found = f"{known[:16]}... of another split, fold, seed or profile"
        do = "Put profiles.toml and the options back as they were, or build another run."
        raise UserError(target, f"data of fold_sha {key[:16]}...", found, do)


def drop_lmdbs(target: Path) -> int:
    """Give a fold's disk back once its model is selected; returns the bytes freed, 0 while somebody reads it."""
    if any(is_read(target / name) for name in LMDBS):
        return 0  # and lock.mdb stays, by which others see the reader
    freed = sum(path.stat().st_size for name in LMDBS for path in (target / name).glob("*"))
    for name in LMDBS:
        shutil.rmtree(target / name, ignore_errors=True)
    return freed
