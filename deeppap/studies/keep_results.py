"""Keeping what a run's figures are made of: small, without images, weights or a machine's paths (results/)."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, human, packed, packed_name, plain_or_packed, write_bytes, write_text
from deeppap.records import FoldRecord, ModelRecord, Recipe, RunRecord, SplitRecord
from deeppap.scoring.results import FoldResult, RunResult, load_run
from deeppap.scoring.score_files import scores_name
from deeppap.studies.release import without_paths

MOST_BYTES = 5_000_000  # of one kept run
OF_RUN = ("cells.csv", "images.sha256")
ZIPPED = "baselines.json"  # gzipped: a seventh
VIEWS, OF_FOLD = "view_scores.csv", tuple(scores_name(shift) for shift in (0, 5, 10))  # views gzipped: a quarter
RECORDS = (FoldRecord.FILE, ModelRecord.FILE, Recipe.FILE, *(Path(n).with_suffix(".json").name for n in OF_FOLD))
OF_CONFIGURATION = ("profile", "select", "classes", "control", "seed", "engine", "precision")  # beside the split
PROTOTXT = ("solver.prototxt", "train_val.prototxt", "deploy.prototxt")
OURS = {RunRecord.FILE, SplitRecord.FILE, *OF_RUN, ZIPPED, VIEWS, *OF_FOLD, *RECORDS, *PROTOTXT, "train.log"}
# what Caffe's own parse_log.py and ours look for
LOG = re.compile(r"\] (Solving |Iteration \d+|    (Test|Train) net output #)")
ABSOLUTE = re.compile(r'(?<![\w.])(?:~|/|\.\./)[^\s"\',]*/')
QUOTED = re.compile(r'(["\'])(?:~|/|\.\./)[^"\'\n]*/')  # the same between quotes, where it may have blanks


def keep_results(run: Path, out: Path) -> Path:
    """Copy a run's score files and records to `out`, complete or absent; an older copy of that run is replaced.

    tools/report.py makes every table from such a folder again, and every figure that needs no picture.

    Raises
    ------
    UserError
        Where the run has no scores, does not fit together, would take more than 5 MB, or `out` holds something else.
    """
    result = load_run(run)
    if not result.folds:
        raise UserError(run, "a run with scores", "none", "Score a fold with tools/evaluate.py.")
    _require_replaceable(out, result)
    with complete_or_absent(out) as partial:
        partial.mkdir(parents=True)
        without_paths(result.record).write(partial)
        for name in OF_RUN:
            _copy(run / name, partial / name)
        write_bytes(partial / SplitRecord.FILE, msgspec.json.encode(result.split) + b"\n")  # on one line: half the size
        _pack(run / ZIPPED, partial)
        for fold in result.folds:
            _keep_fold(fold, partial / fold.folder.name)
        size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            do = "Keep a run with fewer test views."
            raise UserError(run, f"at most {human(MOST_BYTES)} of results", human(size), do)
    return out


def _require_replaceable(out: Path, run: RunResult) -> None:
    """Never clear away what is not an older copy of the same run."""
    if out.exists() and not _is_older_copy(out, run):
        raise UserError(out, "no such folder, or an older copy of this run", "something else", "Give another `out`.")
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out)
        if name.parts[0] != "report" and path.name.removesuffix(".gz") not in OURS:
            raise UserError(path, "what this tool keeps alone", "a file of another name", "Move it elsewhere.")


def _is_older_copy(out: Path, run: RunResult) -> bool:
    """Whether a folder has this run's configuration, folds and nets, and no weights: those are a run's own."""
    if out.resolve() == run.folder.resolve() or any(out.glob("fold*/snapshots")) or not (out / "run.json").exists():
        return False
    old = load_run(out)
    nets, kept = ({fold.fold: fold.model and fold.model.weights_sha for fold in one.folds} for one in (run, old))
    same = all(nets.get(fold) == net for fold, net in kept.items())
    same &= old.record.net_shas == run.record.net_shas
    same &= all(getattr(old.record, name) == getattr(run.record, name) for name in OF_CONFIGURATION)
    return same and old.split.split_sha == run.split.split_sha


def _keep_fold(fold: FoldResult, out: Path) -> None:
    out.mkdir()
    for name in OF_FOLD:
        _copy(fold.folder / name, out / name)
    _pack(fold.folder / VIEWS, out)
    for record in (FoldRecord.read_if_there(fold.folder), fold.model, fold.begun):
        if record:
            without_paths(record).write(out)
    for shift, made in fold.made.items():
        without_paths(made).write_beside(out / scores_name(shift))
    for name in PROTOTXT:
        if (fold.folder / name).exists():
            write_text(out / name, shortened((fold.folder / name).read_text(encoding="utf-8")))
    if (fold.folder / "train.log").exists():
        with (fold.folder / "train.log").open(encoding="utf-8", errors="replace") as file:
            write_text(out / "train.log", "".join(reduced_log(file)))


def _copy(source: Path, target: Path) -> None:
    if source.exists():
        shutil.copyfile(source, target)


def _pack(source: Path, folder: Path) -> None:
    """Keep a large file gzipped, one that is so already as it is."""
    there = plain_or_packed(source)
    if there == source:
        packed_name(folder / source.name).write_bytes(packed(source.read_bytes()))
    elif there:
        _copy(there, folder / there.name)


def reduced_log(lines: Iterator[str]) -> Iterator[str]:
    """Those lines of a training's log that hold its numbers."""
    return (line for line in lines if LOG.search(line))


def shortened(text: str) -> str:
    """A text in which paths outside the project are cut to their last name."""
    return ABSOLUTE.sub("", QUOTED.sub(r"\1", text))
