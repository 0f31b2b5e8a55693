"""All folds down all the arrows: build, train, evaluate, baselines (paper: "Evaluation Methods")."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import UserError
from common.files import human, write_json
from common.run_folder import fold_folder, locked, read_config
from data_prep.cells import Dataset
from data_prep.fold_data import build_fold, drop_lmdbs
from data_prep.folds import Split
from data_prep.nucleus import nucleus_areas
from data_prep.prepare import Request, prepare_run
from data_prep.profiles import Profile
from engines.device import Device
from measures.baselines import all_baselines
from reporting.terminal import summary
from scoring.evaluate_fold import EvaluateOptions, evaluate_fold
from scoring.trained_model import TrainedModel
from scoring.write_scores import scores_name
from studies.estimate import estimate
from training.train_fold import TrainOptions, train_fold

SHIFTS = (5, 10)  # pixels (paper: Table 3)


@dataclass(frozen=True)
class CrossValidateOptions:
    """What a user may choose beside the run's own configuration."""

    weights: Path | None = None
    folds: Sequence[int] | None = None
    device: Device = Device()
    workers: int = 1
    shift: bool = False
    keep: bool = False
    name: str | None = None


def cross_validate(
    request: Request,
    options: CrossValidateOptions,
    say: Callable[[str], None] = print,
    elsewhere: Callable | None = None,
) -> Path:
    """Do what is missing of every fold and return the run's folder; a second call goes on where it stopped.

    `elsewhere(run, request, options, folds)`, where given, does the folds by `one_fold` in other processes.
    """
    run, dataset, split, profile = prepare_run(request, options.name)
    folds = _folds(options.folds, len(split["folds"]))
    config = read_config(run)
    missing = [fold for fold in folds if not (fold_folder(run, fold) / scores_name()).exists()]
    if missing:
        say(estimate(dataset, split, missing, config, profile, options.device))
    if not (run / "baselines.json").exists():
        write_json(run / "baselines.json", all_baselines(dataset, split, nucleus_areas(dataset)))
    if elsewhere is not None:
        elsewhere(run, replace(request, data=config.data), options, folds)
        return run
    for fold in folds:
        _one_fold(run, dataset, split, profile, fold, options, say)
    return run


def one_fold(request: Request, fold: int, options: CrossValidateOptions, say: Callable[[str], None]) -> None:
    """What is missing of one fold of a run that is there: for a process that has nothing of it open."""
    _one_fold(*prepare_run(request, options.name), fold, options, say)


def _one_fold(
    run: Path,
    dataset: Dataset,
    split: Split,
    profile: Profile,
    fold: int,
    options: CrossValidateOptions,
    say: Callable[[str], None],
) -> None:
    folder = fold_folder(run, fold)
    say(f"-- fold {fold} of {len(split['folds'])}: {folder}")
    if not (folder / "model.json").exists():
        with locked(folder):
            say(build_fold(folder, dataset, split, fold, read_config(run), profile, options.workers))
    train_fold(folder, TrainOptions(options.weights, options.device), say)
    _evaluate(folder, options, say)
    if not options.keep and (folder / "train_lmdb").exists():
        say(f"{human(drop_lmdbs(folder))} of disk given back (--keep keeps the LMDBs)")


def _folds(wanted: Sequence[int] | None, count: int) -> list[int]:
    if wanted is None:
        return list(range(count))
    for fold in wanted:
        if not 0 <= fold < count:
            raise UserError("--folds", f"numbers from 0 to {count - 1}", str(fold), "Folds are counted from 0.")
    return sorted(set(wanted))


def _evaluate(folder: Path, options: CrossValidateOptions, say: Callable[[str], None]) -> None:
    """The test cells' scores, at their true centres and, where wanted, at shifted ones."""
    shifts = [shift for shift in (0, *(SHIFTS if options.shift else ())) if not (folder / scores_name(shift)).exists()]
    if not shifts:
        return
    model = TrainedModel.open(folder, say=say)
    for shift in shifts:
        scores = evaluate_fold(model, options.device, EvaluateOptions(shift=shift), say)
        say(summary(model.config, scores))


def folds_of(text: str) -> list[int]:
    """The folds in "0,2" as numbers; ValueError for anything else."""
    return [int(part) for part in text.split(",")]
