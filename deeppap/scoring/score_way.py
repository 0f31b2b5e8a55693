"""How a fold is scored: the run's own way or another, which gets a name of its own, and whether it is done."""

from pathlib import Path
from typing import Any

from data_prep.fold_data import read_record as read_fold
from data_prep.prepare import run_profile
from deeppap.engines.device import Device
from deeppap.io.files import read_json, sha256_file
from deeppap.records.run_folder import RunConfig, read_config
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.score_origin import MADE_BY, misfit, read_record
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training.select_model import read_model

NO_SCORES = "no scores yet"


def how_scored(model: TrainedModel, counts: dict[str, int], shift: int, device: Device) -> dict[str, Any]:
    """What a score depends on beside its cell; `counts` are views and crops."""
    return {
        "views": counts["views"],
        "crops": counts["crops"],
        "shift": shift,
        "model_sha256": model.sha256,
        "data": model.record["fingerprint"],
        "engine": device.engine,
        "precision": "tf32" if device.scores_in_tf32 else device.precision,
    }


def own_way(model: TrainedModel, how: dict[str, Any], forced: bool) -> str:
    """'' for scores made as the run itself makes them, else what tells their files' names apart from those."""
    parts = []
    if (how["views"], how["crops"]) != (model.profile.test_views, model.profile.crops):
        parts.append(f"views{how['views']}-crops{how['crops']}")
    if not model.own:
        parts.append(f"model{model.sha256[:8]}")
    parts += [str(how[name]) for name, usual in _scored_by(model.config).items() if how[name] not in usual]
    parts += ["forced"] if forced or model.forced else []
    return "".join(f"-{part}" for part in parts)


def _scored_by(config: RunConfig) -> dict[str, tuple[str, ...]]:
    """The engine and the precisions of a run's own scores; TF32 stands for float32 and is named by the report."""
    return {"engine": (config.engine,), "precision": (config.precision, *["tf32"] * (config.precision == "float32"))}


def record_of(fold: Path, scores: Path) -> dict[str, Any] | None:
    """How a file of scores was made; older tools left it in evaluation.json, for scores.csv alone."""
    record = read_record(scores)
    if record is None and scores.name == scores_name() and (fold / "evaluation.json").exists():
        older = read_json(fold / "evaluation.json", MADE_BY)
        record = {"sha256": sha256_file(scores), "shift": 0, "data": read_fold(fold)["fingerprint"], **older}
    return record


def why_not_done(fold: Path, shift: int) -> str | None:
    """Why a fold is to be scored (again), its model being selected; None where its own scores are there."""
    scores = fold / scores_name(shift)
    if not scores.exists():
        return NO_SCORES
    record, model = record_of(fold, scores), read_model(fold)
    if record is None:
        return f"{scores} does not say how it was made"
    if (reason := misfit(scores, record, shift, model)) is not None:
        return f"{scores} has {reason}"
    config = read_config(fold.resolve().parent)
    profile = run_profile(config)
    wanted = {"views": profile.test_views, "crops": profile.crops, "data": read_fold(fold)["fingerprint"]}
    wrong = [name for name, value in wanted.items() if record.get(name) != value]
    by = {"engine": record.get("engine", "caffe"), "precision": record.get("precision", "float32")}  # older: Caffe's
    wrong += [name for name, usual in _scored_by(config).items() if by[name] not in usual]
    return f"{scores} was made with other {', '.join(wrong)}" if wrong else None
