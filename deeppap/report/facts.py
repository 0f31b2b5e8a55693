"""What the report says in words: what was run, what differs from the paper, the resolved configuration."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

import msgspec

from deeppap.io.caffe_messages import ROOT
from deeppap.records import RunRecord, ScoreRecord
from deeppap.report.notes import grouped, weights_text, where
from deeppap.report.runs import Run
from deeppap.report.table import Table
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.training.snapshots import kept_because

DIFFERENCES = ROOT / "docs/explanation/what-differs.md"
PROTOTXT = ("train_val", "solver", "deploy")
SELECTIONS = {
    "paper": "lowest validation loss on the fold that is reported",
    "last": "the final one",
    "inner": "lowest loss on cells held back from training",
}


def what_was_run(runs: Sequence[Run]) -> Table:
    """What was run, one column a run."""
    columns = [_facts(run.result) for run in runs]
    rows = [[name, *[column[name] for column in columns]] for name in columns[0]]
    return Table("run", "What was run", ["", *[run.label for run in runs]], rows)


def _facts(run: RunResult) -> dict[str, str]:
    record, data = run.record, run.record.dataset
    return {
        "Command": shlex.join(record.command),
        "Profile": record.profile,
        "Protocol and folds": f"{record.protocol}; scored: {run.fold_text() if run.folds else 'none'}",
        "Classes of the net": ", ".join(one.name for one in run.outputs),
        "Snapshot scored": _snapshots(run),
        "Outside the image": {"constant": "zeros", "reflect": "reflection"}[record.border],
        "Changes of training views": _jitter(record),
        "Control": record.control or "no",
        "Seed": str(record.seed),
        "Data set": f"{data.name}, {data.cells} cells, {data.path}, dataset_sha {data.dataset_sha[:12]}",
        "Weights": weights_text(run),
        "Scored on": "; ".join(dict.fromkeys(_device(fold.made[0]) for fold in run.folds)) or "-",
        "Versions": _pairs(record.versions),
        "Machine": _pairs(msgspec.structs.asdict(record.machine)),
        "Started": record.started,
    }


def _jitter(record: RunRecord) -> str:
    """How much the stain and the scale of training views varied."""
    values = {"stain": record.stain_jitter, "scale": record.scale_jitter}
    return ", ".join(f"{name} ±{value:g}" for name, value in values.items() if value) or "no"


def _device(made: ScoreRecord) -> str:
    precision = "TF32" if made.precision == "tf32" else made.precision
    return f"{made.device}, {precision}" + (f", by {made.engine}" if made.engine != "caffe" else "")


def _snapshots(run: RunResult) -> str:
    if run.record.external:
        return "those of the nets' own runs"
    rule = f"{run.record.select} ({SELECTIONS[run.record.select]})"
    if any(fold.blend for fold in run.folds):
        rule = f"{run.record.select} (the final one, averaged with the source's weights)"
    for words, folds in grouped(run.folds, _newest):
        rule = words if len(folds) == len(run.folds) else f"{rule}; {where(run, folds)}{words}"
    epochs = ", ".join(f"fold {fold.fold}: {fold.model.epoch:g}" for fold in run.folds if fold.model)
    rule = f"{rule}; epochs: {epochs}" if epochs else rule
    return "; ".join([rule, *(f"fold {fold.fold}: {kept_because(fold.blend)}" for fold in run.folds if fold.blend)])


def _newest(fold: FoldResult) -> str:
    """What was scored of a fold if no rule chose; "" if one did."""
    kind = "that has not ended" if fold.begun else "by hand"
    return "" if fold.model else f"the newest one of a training {kind}"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{k}: {v if isinstance(v, str) else json.dumps(v)}" for k, v in values.items())


def differences() -> Table:
    """The table in docs/explanation/what-differs.md: the page and the docs say the same."""
    content = DIFFERENCES.read_text(encoding="utf-8")
    lines = [line.strip().strip("|") for line in content.splitlines() if line.startswith("|")]
    rows = [[entry.strip().replace("`", "") for entry in line.split("|")] for line in lines]
    return Table("differences", "What differs from the paper", rows[0], rows[2:])


def configuration(run: RunResult) -> list[tuple[str, str]]:
    """(name, text) of the resolved prototxt files of the first scored fold that has them."""
    for fold in run.folds:
        # the files differ between folds in their paths alone
        present = [path for name in PROTOTXT if (path := fold.folder / f"{name}.prototxt").exists()]
        if present:
            texts = [path.read_text(encoding="utf-8", errors="replace") for path in present]
            return [(f"{fold.folder.name}/{path.name}", text) for path, text in zip(present, texts, strict=True)]
    return []
