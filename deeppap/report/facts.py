"""What the report says in words: what was run, what to know before reading, what differs from the paper."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.records import DatasetRecord, ScoreRecord
from deeppap.report.notes import labels, run_notes
from deeppap.report.provenance import grouped, weights_text, where
from deeppap.scoring.results import FoldResult, RunResult

DIFFERENCES = ROOT / "docs" / "what_differs.md"
PROTOTXT = ("train_val", "solver", "deploy")
SELECTIONS = {
    "paper": "lowest validation loss on the fold that is reported",
    "last": "the final one",
    "inner": "lowest loss on cells held back from training",
}
LONGEST = 200_000  # characters of a file shown


def what_was_run(runs: Sequence[RunResult]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the table of what was run, one column a run."""
    columns = [_facts(run) for run in runs]
    return ["", *labels(runs)], [[name, *[column[name] for column in columns]] for name in columns[0]]


def _facts(run: RunResult) -> dict[str, str]:
    record = run.record
    return {
        "Command": shlex.join(record.command),
        "Profile": record.profile,
        "Protocol and folds": f"{record.protocol}; scored: {run.fold_text() if run.folds else 'none'}",
        "Classes of the net": str(run.classes),
        "Snapshot scored": _snapshots(run),
        "Control": record.control or "no",
        "Seed": str(record.seed),
        "Data set": _dataset(record.dataset),
        "Weights": weights_text(run),
        "Scored on": "; ".join(dict.fromkeys(_device(fold.made[0]) for fold in run.folds)) or "-",
        "Versions": _pairs(record.versions),
        "Machine": _pairs(msgspec.structs.asdict(record.machine)),
        "Started": record.started,
    }


def _device(record: ScoreRecord) -> str:
    """The device, the precision and, where it is not Caffe, the engine."""
    precision = "TF32" if record.precision == "tf32" else record.precision
    return f"{record.device}, {precision}" + (f", by {record.engine}" if record.engine != "caffe" else "")


def _dataset(data: DatasetRecord) -> str:
    return f"{data.name}, {data.cells} cells, {data.path}, fingerprint {data.dataset_sha[:12]}"


def _snapshots(run: RunResult) -> str:
    if run.record.external:
        return "those of the nets' own runs"
    epochs = ", ".join(f"fold {fold.fold}: {fold.model.epoch:g}" for fold in run.folds if fold.model)
    rule = f"{run.record.select} ({SELECTIONS[run.record.select]})"
    for words, folds in grouped(run.folds, _newest):
        rule = words if len(folds) == len(run.folds) else f"{rule}; {where(run, folds)}{words}"
    return f"{rule}; epochs: {epochs}" if epochs else rule


def _newest(fold: FoldResult) -> str:
    """What was scored of a fold where no rule chose; "" where one did."""
    kind = "that has not ended" if fold.begun else "by hand"
    return "" if fold.model else f"the newest one of a training {kind}"


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def notes_by_run(runs: Sequence[RunResult]) -> list[tuple[str, list[str]]]:
    """(label, notes): what must be known of each run before one of its figures is used."""
    return [(label, run_notes(run)) for label, run in zip(labels(runs), runs, strict=True)]


def differences(path: Path = DIFFERENCES) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the table in docs/what_differs.md.

    Raises
    ------
    UserError
        Where the file is not there or a row has not as many entries as the heading.
    """
    do = "Get it again from the project's sources."
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(path, "the table of what differs", "no such file", do) from None
    lines = [line.strip().strip("|") for line in content.splitlines() if line.startswith("|")]
    rows = [[entry.strip().replace("`", "") for entry in line.split("|")] for line in lines]
    if len(rows) < 3 or any(len(row) != len(rows[0]) for row in rows):
        raise UserError(path, "a table of equal rows", f"{len(rows)} lines of it", do)
    return rows[0], rows[2:]


def configuration(run: RunResult) -> list[tuple[str, str]]:
    """(name, text) of the resolved prototxt files of the first scored fold that has them."""
    for fold in run.folds:
        files = [fold.folder / f"{name}.prototxt" for name in PROTOTXT]
        present = [path for path in files if path.exists()]
        if present:
            return [(f"{fold.folder.name}/{path.name}", _read(path)) for path in present]
    return []


def _read(path: Path) -> str:
    content = path.read_text(encoding="utf-8", errors="replace")
    return content if len(content) <= LONGEST else content[:LONGEST] + "\n# ... the rest is in the run's folder"
