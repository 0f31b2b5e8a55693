"""Scoring a fold's test cells with its trained net, from the image files to scores.csv (paper: "Testing")."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_prep.fold_data import class_labels
from data_prep.profiles import run_profile
from data_prep.views import PATCH
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError
from deeppap.io.files import sha256_file
from deeppap.records import FoldRecord, Machine, ModelRecord, RunRecord, ScoreRecord
from deeppap.records.run_folder import locked
from deeppap.scoring.cell_views import cells_of_data_set, scored_text
from deeppap.scoring.score_cells import CellScore, all_scores, judged_cells, score_cells
from deeppap.scoring.score_files import scores_name, write_scores, write_view_scores
from deeppap.scoring.thresholds import add_thresholds
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.evidence_of_learning import doubt

MAX_CENTRE_SHIFT = PATCH // 2  # pixels; farther out the nucleus would no longer be in its patch
NO_SCORES = "no scores yet"


@dataclass(frozen=True)
class EvaluateOptions:
    """What a user may choose; None takes the profile's number."""

    views: int | None = None
    crops: int | None = None
    shift: int = 0

    def __post_init__(self):
        if not 0 <= self.shift <= MAX_CENTRE_SHIFT:
            do = "Give the most that a centre may move."
            raise FieldError("shift", f"0 to {MAX_CENTRE_SHIFT} pixels", str(self.shift), do)


def evaluate_fold(
    model: TrainedModel, device: Device, options: EvaluateOptions, say: Callable[[str], None] = print
) -> list[CellScore]:
    """Score a fold's test cells and write scores.csv, its record scores.json, and view_scores.csv.

    Shifted centres have scores_shift<d>.csv and its record alone. Scores that are not made as the run's own (other
    counts, weights or engine) have names that say so, such as scores-views1-crops10.csv. Returns the scores in the
    order of the cells' ids.

    Raises UserError for a count out of range, or a data set that is not the one the run was built from.
    """
    folder = model.folder
    with locked(folder):
        choice, crops = model.views(options.views), model.crops(options.crops)
        cells = model.fold_cells()["test"]
        engine = model.engine(device)
        say(f"{folder}: {scored_text(len(cells), choice.count, crops)}, with {model.weights}")
        scored = score_cells(
            engine.view_input(model.mean, crops), cells_of_data_set(cells, choice, options.shift), model.outputs
        )
        start = time.perf_counter()
        scores = all_scores(scored, len(cells), "score")
        seconds = time.perf_counter() - start

        suffix = file_suffix(model, choice.count, crops, device)
        if not options.shift:
            write_view_scores(folder / f"view_scores{suffix}.csv", scores)
        path = folder / scores_name(options.shift, suffix)
        write_scores(path, scores)
        record = ScoreRecord(
            cells=len(cells),
            views=choice.count,
            crops=crops,
            shift=options.shift,
            engine=engine.name,
            precision=precision_of(device),
            device=engine.hardware,
            caffe=device.describe(),
            machine=Machine.here(),
            seconds_per_cell=seconds / len(cells),
            crops_per_second=len(cells) * choice.count * crops / seconds,
            weights=str(model.weights),
            weights_sha=model.weights_sha,
            fold_sha=model.record.fold_sha,
            csv_sha=sha256_file(path),
            doubt=_doubt(model, scores),
        )
        record.write_beside(path)
        say(f"{path} written")
        if path.name == scores_name():
            add_thresholds(model, device, say)
        return scores


def _doubt(model: TrainedModel, scores: Sequence[CellScore]) -> str | None:
    """What the scores of a fold's test cells say against its net."""
    outputs = class_labels([score.cell for score in scores], model.run)
    probs = np.array([score.prob for score in scores])
    labels, values, groups = judged_cells(scores)
    return doubt(labels, values, outputs, probs, model.record.train_labels, groups)


def precision_of(device: Device) -> str:
    """The precision that a score's record names."""
    return "tf32" if device.scores_in_tf32 else device.precision


def file_suffix(model: TrainedModel, views: int, crops: int, device: Device) -> str:
    """'' for scores made as the run's own, else what tells the names of their files apart from those."""
    parts = []
    if (views, crops) != (model.profile.test_views, model.profile.crops):
        parts.append(f"views{views}-crops{crops}")
    if not model.own:
        parts.append(f"model{model.weights_sha[:8]}")
    if device.engine != model.run.engine:
        parts.append(device.engine)
    if precision_of(device) not in _own_precisions(model.run):
        parts.append(precision_of(device))
    return "".join(f"-{part}" for part in parts)


def _own_precisions(run: RunRecord) -> tuple[str, ...]:
    """The precisions of a run's own scores. TF32 counts as float32; the report names it."""
    return ("float32", "tf32") if run.precision == "float32" else (run.precision,)


def stale_reason(fold: Path, shift: int) -> str | None:
    """Why a fold with a selected net must be scored (again); None if its own scores are there."""
    scores = fold / scores_name(shift)
    if not scores.exists():
        return NO_SCORES
    if not scores.with_suffix(".json").exists():
        return f"{scores} does not say how it was made"
    record = ScoreRecord.beside(scores)
    mismatch = record.mismatch(scores, shift, ModelRecord.read(fold))
    if mismatch is not None:
        return f"{scores} has {mismatch}"
    run = RunRecord.read(fold.resolve().parent)
    profile = run_profile(run)
    own = {
        "views": profile.test_views,
        "crops": profile.crops,
        "fold_sha": FoldRecord.read(fold).fold_sha,
        "engine": run.engine,
    }
    others = [name for name, value in own.items() if getattr(record, name) != value]
    if record.precision not in _own_precisions(run):
        others.append("precision")
    return f"{scores} was made with other {', '.join(others)}" if others else None
