"""Cross-validation: build, train and evaluate every fold (paper: "Evaluation Methods")."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path

from msgspec.structs import replace

from data_prep.cells import Cell, Dataset
from data_prep.fold_data import build_fold, drop_lmdbs, key_of, parts_of
from data_prep.folds import split_lines
from data_prep.prepare import class_lines, prepare_run
from data_prep.profiles import run_profile, view_changes
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import human
from deeppap.records import FoldRecord, ModelRecord, Recipe, Request, RunRecord, SplitRecord
from deeppap.records.run_folder import fold_folder, locked
from deeppap.report.table import summary
from deeppap.scoring.evaluate_fold import NO_SCORES, EvaluateOptions, evaluate_fold, stale_reason
from deeppap.scoring.ood import ensure_reference
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.thresholds import ensure_thresholds
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.intervals import FEWEST
from deeppap.studies.baselines import ensure_baselines
from deeppap.studies.estimate import Prepared, estimate, source_work, work
from deeppap.training.resolve import require_same
from deeppap.training.snapshots import too_few, too_few_trained
from deeppap.training.source import SourceNet, fitted_to, require_same_outputs, require_unseen_folds
from deeppap.training.train_fold import TrainOptions, train_fold

SHIFTS = (5, 10)  # pixels (paper: Table 3)
LABEL_MORE = (
    "Nothing was trained, since the source would be kept as it is. Label more cells: docs/how-to/label-adapt-screen.md "
    "says how many, and tools/screen.py with --choose 200 makes a gallery to label in."
)


@dataclass(frozen=True)
class CrossValidateOptions:
    """What a user may choose beside the run's own configuration."""

    weights: Path | None = None
    source: SourceNet | None = None  # a trained net to adapt, in place of weights
    folds: Sequence[int] | None = None
    device: Device = Device()
    workers: int = 1
    shift: bool = False
    keep: bool = False
    name: str | None = None
    score_source: bool = False  # the caller will score the test cells with the source too: the estimate counts it
    adapt_few: bool = False  # train also where so few cells train that each fold keeps its source anyway

    @property
    def training(self) -> TrainOptions:
        """The options of each fold's training."""
        return TrainOptions(self.weights, self.device, source=self.source)

    @property
    def suffix(self) -> str:
        """What tells an adapted run's name from that of the same folds from other weights."""
        return f"-from-{self.source.name}" if self.source else ""


def cross_validate(
    request: Request,
    options: CrossValidateOptions,
    say: Callable[[str], None] = print,
    elsewhere: Callable | None = None,
) -> Path:
    """Do what is missing of every fold and return the run's folder; a second call goes on where the first stopped.

    If given, `elsewhere(run, request, options, folds)` does the folds by `one_fold` in other processes.
    """
    if options.source:
        request = fitted_to(options.source, request)
    require = partial(require_adaptable, options) if options.source else None
    folder, dataset, split, run = prepare_run(request, options.name, suffix=options.suffix, require=require)
    ready = Prepared(dataset, split, run, run_profile(run))
    count = len(split.folds)
    folds = sorted(set(range(count) if options.folds is None else options.folds))
    if strange := set(folds) - set(range(count)):
        raise FieldError("folds", f"numbers from 0 to {count - 1}", f"{min(strange)}", "Folds are counted from 0.")
    # before any work: a fold of another recipe would make the run's mean meaningless
    require_one_recipe(folder, options.training.recipe(run.classes, ready.profile))
    known, few = "", {}
    if options.source:
        untrained = [fold for fold in folds if not (fold_folder(folder, fold) / ModelRecord.FILE).exists()]
        cells = {fold: parts_of(dataset, split, fold, run) for fold in untrained}
        known = require_unseen_folds(options.source, folder, cells)
        few = {fold: why for fold in untrained if (why := _too_few(run, cells[fold]))}
    missing = [fold for fold in folds if to_score(fold_folder(folder, fold))]
    if missing:
        parts = [work(ready, fold, options.source is not None, fold_folder(folder, fold)) for fold in missing]
        if options.score_source:
            parts += [source_work(ready, fold) for fold in missing]
        plan = estimate(f"{len(missing)} fold(s)", parts, run.classes, options.device)
        words = f"a fold is one of {count} parts of the cells, and tests the net that is trained on the others; "
        words += "a view is a picture of one cell, turned and shifted"
        lines = [line for fold in missing for line in class_lines(dataset, split, fold, run)]
        # the training of such a fold is in vain
        lines += [
            f"!! fold {fold}: {why}. The source will be kept: label more cells first !!" for fold, why in few.items()
        ]
        lines += [known] if known else []
        lines.append(line_of_test_cells(dataset, [cell for fold in folds for cell in split.folds[fold]]))
        for line in [*dict.fromkeys(lines), *split_lines(dataset, split), *view_changes(run), words, plan]:
            say(line)
    # once a run and not once a fold: baselines are compared under all folds
    ensure_baselines(folder / "baselines.json", dataset, split)
    if elsewhere is not None:
        elsewhere(folder, replace(request, data=run.dataset.paths, pixel_um=run.dataset.pixel_um), options, folds)
        return folder
    for fold in folds:
        say(f"-- fold {fold} of {len(split.folds)}: {fold_folder(folder, fold)}")
        one_fold(fold_folder(folder, fold), ready, fold, options, say)
    return folder


def require_adaptable(options: CrossValidateOptions, run: RunRecord, dataset: Dataset, split: SplitRecord) -> None:
    """Refuse, before the run's folder is made, a source of other classes, and cells too few for any of the folds."""
    require_same_outputs(options.source, run)
    if options.adapt_few or options.source.run.border != run.border:  # adapted weights are kept, of however few cells
        return
    folds = [fold for fold in range(len(split.folds)) if options.folds is None or fold in options.folds]
    # up to the first fold that can be adapted: to part one takes a second with many cells
    reasons = list(takewhile(bool, (_too_few(run, parts_of(dataset, split, fold, run)) for fold in folds)))
    if folds and len(reasons) == len(folds):
        raise UserError(dataset.root, "cells enough to adapt a net", f"not enough: {reasons[0]}", LABEL_MORE)


def _too_few(run: RunRecord, parts: Mapping[str, Sequence[Cell]]) -> str:
    """Why a fold with these cells would keep its source whatever it learns; "" if it may be adapted."""
    if run.select == "inner":
        return too_few(*(sum(cell.label == label for cell in parts["inner"]) for label in (1, 0)))
    return too_few_trained(len(parts["train"])) if run.select == "last" else ""


def line_of_test_cells(dataset: Dataset, ids: Sequence[str]) -> str:
    """How many cells test the nets, and whether they are too few for an interval, without which nothing is shown."""
    cells = [cell for cell in map(dataset.by_id().get, ids) if cell.label < 2]
    abnormal = sum(cell.label for cell in cells)
    images = len({cell.image for cell in cells})
    line = f"test cells: {len(cells)}, {abnormal} of them abnormal, from {images} image{'s' * (images != 1)}"
    known = all(cell.group is not None for cell in cells)
    units = [{cell.group if known else cell.id for cell in cells if cell.label == label} for label in (0, 1)]
    if min(map(len, units)) >= FEWEST:
        return line
    of = f"of {FEWEST} groups each (an image is one, unless you named groups)" if known else f"{FEWEST} of each"
    return f"!! {line}: too few to judge the result, which takes normal and abnormal cells {of} !!"


def one_fold(
    folder: Path, ready: Prepared, fold: int, options: CrossValidateOptions, say: Callable[[str], None] = print
) -> None:
    """Build, train and score one fold in its folder, as far as that is missing."""
    if not (folder / ModelRecord.FILE).exists():
        with locked(folder):
            say(build_fold(folder, ready.dataset, ready.split, fold, ready.run, ready.profile, options.workers))
    train_fold(folder, options.training, say)
    ensure_reference(TrainedModel.open(folder, say=say), options.device, say)
    _evaluate(folder, options, say)
    if not options.keep and (folder / "train_lmdb").exists():
        say(f"removed its LMDBs (the stored views): {human(drop_lmdbs(folder))}")


def require_one_recipe(run: Path, recipe: Recipe) -> None:
    """Refuse a run if any fold of it, wanted now or not, was trained with something else than what is asked for."""
    do = "Restore that, or use another `run`: the folds of one run are one experiment."
    folds = sorted(path for path in run.glob("fold*") if path.is_dir())
    for fold in folds:
        require_same(fold, recipe, do)
    trained = [fold for fold in folds if (fold / ModelRecord.FILE).exists() and (fold / FoldRecord.FILE).exists()]
    if not trained:
        return
    record, split = RunRecord.read(run), SplitRecord.read(run)
    for fold in trained:
        if FoldRecord.read(fold).fold_sha != key_of(fold, record, split):
            raise UserError(fold, "views as profiles.toml asks for now", "a net trained on others", do)


def to_score(folder: Path, shift: int = 0) -> str | None:
    """Why a fold is not done yet; None if its own scores are there."""
    return stale_reason(folder, shift) if (folder / ModelRecord.FILE).exists() else NO_SCORES


def _evaluate(folder: Path, options: CrossValidateOptions, say: Callable[[str], None]) -> None:
    """Score the test cells, at their true centres and, if wanted, at shifted ones."""
    # shifted scores that exist are made again even if not wanted: scores of an older net make the run unreadable
    wanted = [shift for shift in SHIFTS if options.shift or (folder / scores_name(shift)).exists()]
    reasons = {shift: to_score(folder, shift) for shift in (0, *wanted)}
    shifts = [shift for shift, reason in reasons.items() if reason]
    for reason in reasons.values():
        if reason and reason != NO_SCORES:
            say(f"scoring again: {reason}")
    model = TrainedModel.open(folder, say=say)
    for shift in shifts:
        scores = evaluate_fold(model, options.device, EvaluateOptions(shift=shift), say)
        say(summary(model.run, scores))
    ensure_thresholds(model, options.device, say)  # of scores that are older than they
    if shifts and model.doubt:
        say(f"!! {model.doubt} !!")
