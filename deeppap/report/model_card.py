"""The model card of one trained fold: what the net is, what it was measured at, where it must not be used."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deeppap.io.errors import UserError, printable
from deeppap.io.files import sha256_file, write_text
from deeppap.io.pinned import caffe_commit
from deeppap.report import model_card_text as words
from deeppap.report.facts import SELECTIONS
from deeppap.report.figures.plan import slug
from deeppap.report.notes import is_phantom, run_notes
from deeppap.report.provenance import made, weights_line
from deeppap.report.tables.baselines import baselines_table
from deeppap.report.tables.hemlbc import hemlbc_table
from deeppap.report.tables.performance import performance_table
from deeppap.report.tables.performance_rows import metric_text
from deeppap.report.tables.table import Table
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.stats.metrics import METRICS, binary_metrics

MODELS = Path("models")
MARK = "<!-- written by tools/model_card.py -->"


def write_card(run: RunResult, fold: int | None = None, name: str | None = None, models: Path = MODELS) -> Path:
    """Write `models/<name>/readme.md` for one fold's selected weights; the weights stay where they are.

    Parameters
    ----------
    fold : int or None
        0-based; None takes the first that has scores.
    name : str or None
        The folder's name; None makes it of the run's name and the fold.

    Raises
    ------
    UserError
        Where the fold has no scores or not the weights it selected, or the folder holds another readme.
    """
    described = _fold(run, fold)
    name = name or f"convnet_t_{slug(run.name)}_fold{described.fold}"
    if name != slug(name):
        raise UserError("--name", "letters, digits, - and _", name, "Give another name.")
    readme = models / name / "readme.md"
    if readme.exists() and MARK not in readme.read_text(encoding="utf-8", errors="replace"):
        raise UserError(readme, "no file, or an older card", "a readme written by hand", "Give another --name.")
    write_text(readme, card(run, described, name))
    return readme


def card(run: RunResult, fold: FoldResult, name: str, kind: words.Kind = words.CARD) -> str:
    """The text of a card: front matter as Caffe's download tool reads it, then Markdown. No path of a machine.

    `name` is its folder's in models/, or the release's whose net it describes, as `kind` says.
    """
    limits = words.limits(run, kind.terms, "in the table above")
    sections = [
        ("Not a medical device", words.INTENDED),
        ("What it is", _bullets(_net(run, fold, kind))),
        ("Data", _data(run)),
        ("Protocol", _bullets(_protocol(run, fold))),
        ("Figures", _figures(run, fold, kind)),
        ("Limits", _bullets([*_learned(fold), *limits])),
        ("How to load it", words.how_to_load(run, fold, name, kind)),
    ]
    body = "\n".join(f"## {title}\n\n{content.strip()}\n" for title, content in sections)
    return f"{_front_matter(run, fold)}\n{MARK}\n\n{body}"


def short_command(command: Sequence[str]) -> str:
    """A command without the machine's paths: of an absolute or climbing one only the last name is kept."""
    tool, *rest = command
    return printable(shlex.join([f"tools/{Path(tool).name}", *map(_short, rest)]))


def _short(word: str) -> str:
    option, mark, value = word.partition("=") if word.startswith("-") else ("", "", word)
    path = Path(value)
    outside = path.is_absolute() or ".." in path.parts or value.startswith("~")
    return f"{option}{mark}{path.name if outside else value}"


def _fold(run: RunResult, number: int | None) -> FoldResult:
    """The fold to describe, its weights checked to be those that were selected and scored."""
    known = {fold.fold: fold for fold in run.folds}
    if number is None and known:
        number = min(known)
    if number not in known:
        do = "Score it with tools/evaluate.py."
        raise UserError(run.folder, "a fold with scores", "none" if number is None else f"no scores of {number}", do)
    fold = known[number]
    if fold.model is None:
        do = "Train it with tools/train.py and score it again."
        raise UserError(fold.folder, "a fold with a selected model", "no model.json", do)
    snapshot = fold.folder / fold.model.snapshot
    if not snapshot.is_file() or sha256_file(snapshot) != fold.model.weights_sha:
        there = "another file" if snapshot.is_file() else "no such file"
        raise UserError(snapshot, "the weights that model.json names", there, "Train the fold again.")
    return fold


def _front_matter(run: RunResult, fold: FoldResult) -> str:
    record, snapshot = run.record, fold.folder / fold.model.snapshot
    title = f"ConvNet-T, {record.dataset.name}, {record.protocol} protocol, profile {record.profile}, fold {fold.fold}"
    values = {
        "name": json.dumps(printable(title), ensure_ascii=False),  # a JSON string is YAML, whatever the data's name
        "caffemodel": snapshot.name,
        "caffemodel_url": "none published",
        "license": "unspecified",
        "sha1": sha256_file(snapshot, "sha1"),
        "caffe_commit": caffe_commit(),
    }
    return "\n".join(["---", *(f"{key}: {value}" for key, value in values.items()), "---", ""])


def _net(run: RunResult, fold: FoldResult, kind: words.Kind) -> list[str]:
    model, adapted = fold.model, fold.source is not None
    weights = fold.recipe.weights if fold.recipe else None
    start = f"{weights.name}, sha256 {_code(weights.weights_sha)}" if weights else weights_line(fold)
    folder, mean = "prototxt/seven_class" if run.classes == 7 else "prototxt", fold.folder / "mean.binaryproto"
    train_val = f"{'prototxt/adapt' if adapted else folder}/train_val.prototxt"
    files = kind.net.format(train_val=train_val, deploy=f"{folder}/deploy.prototxt")
    return [
        f"ConvNet-T of the paper, {run.classes} outputs: {files}.",
        f"Adapted; source of all eight layers: {weights_line(fold)}."
        if adapted
        else f"Source of conv1 to conv5: {start}.",
        f"Snapshot: iteration {model.iteration}, epoch {model.epoch}, sha256 {_code(model.weights_sha)}.",
        f"Mean image of its training views: sha256 {_code(sha256_file(mean)) if mean.exists() else 'not recorded'}.",
        f"Validation when it was taken: loss {model.val_loss}, patch accuracy {model.val_accuracy}.",
    ]


def _data(run: RunResult) -> str:
    data = run.record.dataset
    number = Counter((cell.label, cell.class7 or 0, cell.class_name) for cell in run.cells.values())
    rows = [[name, ("normal", "abnormal")[label], count] for (label, _, name), count in sorted(number.items())]
    name = "a drawn set (phantom)" if is_phantom(run) else f"`{printable(data.name)}`"
    head = f"{name}, {len(run.cells)} cells, fingerprint {_code(data.dataset_sha)}."
    about = f"{words.HERLEV}\n\n" if data.paper == "herlev" else ""
    return f"{head}\n\n{about}{_table(['class', 'side', 'cells'], rows)}"


def _learned(fold: FoldResult) -> list[str]:
    """Said first of all limits where this very net has learned nothing."""
    line = fold.doubt
    return [f"**{line[0].upper()}{line[1:]}.**"] if line else []


def _protocol(run: RunResult, fold: FoldResult) -> list[str]:
    record, done = run.record, fold.made[0]
    paper = "the paper's counts" if record.profile == "paper" else "not the paper's protocol: fewer views and epochs"
    return [
        f"Profile `{record.profile}` ({paper}).",
        f"Folds by `{record.protocol}`, seed {record.seed}; split {_code(run.split.split_sha)}.",
        f"Trained without the cells of fold {fold.fold} of {run.n_folds}; {len(fold.ids)} cells are in it.",
        f"Snapshot by `{record.select}`: {SELECTIONS[record.select]}.",
        f"A score is a mean over views and crops: {made(done)}; at 0.5 or above a cell is called "
        "abnormal. "
        f"Scored on: {printable(done.device)}.",
        f"The run was started by `{short_command(record.command)}`.",
    ]


def _figures(run: RunResult, fold: FoldResult, kind: words.Kind) -> str:
    table = performance_table([run]) or hemlbc_table([run])
    own = binary_metrics(fold.labels, fold.scores)
    rows = [row for row in table.text_rows() if row[0].startswith(("paper:", run.name))]
    what = f"these weights alone, fold {fold.fold}"
    rows.append([what, len(fold.ids), *[metric_text(metric, own[metric]) for metric in METRICS]])
    notes = _bullets(f"{note[0].upper()}{note[1:]}." for note in run_notes(run))
    printed = kind.figures.format(run=run.name, table=table.name[-1], folds=run.fold_text())
    return "\n\n".join([printed, _table(table.columns, rows), notes, _baselines(baselines_table([run]))])


def _baselines(table: Table | None) -> str:
    if table is None:
        return ""
    return f"Beside the net, on the same cells:\n\n{_table(table.columns[1:], [row[1:] for row in table.text_rows()])}"


def _code(value: Any) -> str:
    return f"`{str(value)[:16]}...`" if value else "not recorded"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {printable(line)}" for line in lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [list(columns), ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(printable(str(v)).replace('|', '/') for v in line)} |" for line in lines)
