"""All folds down all the arrows: build, train, evaluate, baselines (paper: "Evaluation Methods")."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from data_prep.cells import Dataset
from data_prep.fold_data import build_fold, drop_lmdbs, read_record
from data_prep.fold_parts import parts_of
from data_prep.folds import Split, read_split
from data_prep.prepare import Request, key_of, prepare_run, views_plan
from data_prep.profiles import Profile
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import human
from deeppap.records.run_folder import RunConfig, fold_folder, locked, read_config
from deeppap.report.terminal import summary
from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.score_way import NO_SCORES, why_not_done
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.learned import of_folder, of_scores
from deeppap.studies.baselines import ensure_baselines
from deeppap.studies.estimate import estimate
from deeppap.training.recipe import Recipe, require_same
from deeppap.training.source_net import SourceNet, require_two_classes, require_unseen_folds
from deeppap.training.train_fold import TrainOptions, train_fold

SHIFTS = (5, 10)  # pixels (paper: Table 3)


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

    @property
    def training(self) -> TrainOptions:
        """The options of each fold's training."""
        return TrainOptions(self.weights, self.device, source=self.source)

    @property
    def suffix(self) -> str:
        """What tells an adapted run's name from that of the same folds from other weights."""
        return f"-from-{self.source.name}" if self.source else ""


class Prepared(NamedTuple):
    """A run's data set, split, configuration and profile."""

    dataset: Dataset
    split: Split
    config: RunConfig
    profile: Profile


def cross_validate(
    request: Request,
    options: CrossValidateOptions,
    say: Callable[[str], None] = print,
    elsewhere: Callable | None = None,
) -> Path:
    """Do what is missing of every fold and return the run's folder; a second call goes on where it stopped.

    `elsewhere(run, request, options, folds)`, where given, does the folds by `one_fold` in other processes.
    """
    if options.source:
        require_two_classes(request)
    run, dataset, split, profile = prepare_run(request, options.name, suffix=options.suffix)
    folds = _folds(options.folds, len(split["folds"]))
    config = read_config(run)
    require_one_recipe(run, options.training.recipe(config.classes, profile))
    if options.source:
        untrained = [fold for fold in folds if not (fold_folder(run, fold) / "model.json").exists()]
        require_unseen_folds(options.source, run, {f: parts_of(dataset, split, f, config) for f in untrained})
    missing = [fold for fold in folds if to_score(fold_folder(run, fold))]
    if missing:
        adapting = options.source is not None
        plan = estimate(dataset, split, missing, config, profile, options.device, adapting)
        for line in [*views_plan(config), plan]:
            say(line)
    ensure_baselines(run / "baselines.json", dataset, split)
    if elsewhere is not None:
        elsewhere(run, replace(request, data=config.data), options, folds)
        return run
    for fold in folds:
        say(f"-- fold {fold} of {len(split['folds'])}: {fold_folder(run, fold)}")
        one_fold(fold_folder(run, fold), Prepared(dataset, split, config, profile), fold, options, say)
    return run


def one_fold(
    folder: Path, ready: Prepared, fold: int, options: CrossValidateOptions, say: Callable[[str], None] = print
) -> None:
    """Build, train and score one fold in its folder, as far as that is missing."""
    if not (folder / "model.json").exists():
        with locked(folder):
            say(build_fold(folder, ready.dataset, ready.split, fold, ready.config, ready.profile, options.workers))
    model = train_fold(folder, options.training, say)
    if line := of_folder(folder, model):
        say(f"!! {line} !!")
    _evaluate(folder, options, say)
    if not options.keep and (folder / "train_lmdb").exists():
        say(f"{human(drop_lmdbs(folder))} of disk given back (--keep keeps the LMDBs)")


def require_one_recipe(run: Path, recipe: Recipe) -> None:
    """Refuse a run of which any fold, wanted now or not, was trained with anything else than what is asked for."""
    do = "Put that back as it was, or use another --run: the folds of one run are one experiment."
    folds = sorted(path for path in run.glob("fold*") if path.is_dir())
    for fold in folds:
        require_same(fold, recipe, do)
    trained = [fold for fold in folds if (fold / "model.json").exists() and (fold / "fold.json").exists()]
    if not trained:
        return
    config, split = read_config(run), read_split(run / "split.json")
    for fold in trained:
        if read_record(fold)["fingerprint"] != key_of(fold, config, split):
            raise UserError(fold, "views as profiles.toml asks for now", "a net trained on others", do)


def to_score(folder: Path, shift: int = 0) -> str | None:
    """Why a fold is not done yet; None where its own scores are there."""
    return why_not_done(folder, shift) if (folder / "model.json").exists() else NO_SCORES


def _folds(wanted: Sequence[int] | None, count: int) -> list[int]:
    if wanted is None:
        return list(range(count))
    for fold in wanted:
        if not 0 <= fold < count:
            raise UserError("--folds", f"numbers from 0 to {count - 1}", str(fold), "Folds are counted from 0.")
    return sorted(set(wanted))


def _evaluate(folder: Path, options: CrossValidateOptions, say: Callable[[str], None]) -> None:
    """The test cells' scores, at their true centres and, where wanted, at shifted ones."""
    # those that are there too, wanted or not: of another net they would make the whole run unreadable
    wanted = [shift for shift in SHIFTS if options.shift or (folder / scores_name(shift)).exists()]
    reasons = {shift: to_score(folder, shift) for shift in (0, *wanted)}
    shifts = [shift for shift, reason in reasons.items() if reason]
    if not shifts:
        return
    for reason in reasons.values():
        if reason and reason != NO_SCORES:
            say(f"scoring again: {reason}")
    model = TrainedModel.open(folder, say=say)
    for shift in shifts:
        scores = evaluate_fold(model, options.device, EvaluateOptions(shift=shift), say)
        say(summary(model.config, scores))
        if not shift and (line := of_scores(model.origin, scores, model.classes)):
            say(f"!! {line} !!")


def wanted_folds(text: str | None) -> list[int] | None:
    """The folds in "0,2" as numbers; None, for all of them, where nothing was asked for."""
    try:
        return [int(part) for part in text.split(",")] if text else None
    except ValueError:
        raise UserError("--folds", "numbers such as 0,2", text, "Give them without spaces.") from None
