"""How a fold is scored: the run's own way or another, which gets a name of its own, and whether it is done."""

from pathlib import Path

from data_prep.profiles import run_profile
from deeppap.engines.device import Device
from deeppap.records import FoldRecord, ModelRecord, RunRecord, ScoreRecord
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.trained_model import TrainedModel

NO_SCORES = "no scores yet"


def precision_of(device: Device) -> str:
    """The precision that a score's record names."""
    return "tf32" if device.scores_in_tf32 else device.precision


def own_way(model: TrainedModel, views: int, crops: int, device: Device, forced: bool = False) -> str:
    """'' for scores made as the run itself makes them, else what tells their files' names apart from those."""
    parts = []
    if (views, crops) != (model.profile.test_views, model.profile.crops):
        parts.append(f"views{views}-crops{crops}")
    if not model.own:
        parts.append(f"model{model.weights_sha[:8]}")
    if device.engine != model.run.engine:
        parts.append(device.engine)
    if precision_of(device) not in _precisions(model.run):
        parts.append(precision_of(device))
    if forced or model.forced:
        parts.append("forced")
    return "".join(f"-{part}" for part in parts)


def _precisions(run: RunRecord) -> tuple[str, ...]:
    """The precisions of a run's own scores; TF32 stands for float32 and is named by the report."""
    return ("float32", "tf32") if run.precision == "float32" else (run.precision,)


def why_not_done(fold: Path, shift: int) -> str | None:
    """Why a fold is to be scored (again), its model being selected; None where its own scores are there."""
    scores = fold / scores_name(shift)
    if not scores.exists():
        return NO_SCORES
    if not scores.with_suffix(".json").exists():
        return f"{scores} does not say how it was made"
    record = ScoreRecord.beside(scores)
    if (reason := record.mismatch(scores, shift, ModelRecord.read(fold))) is not None:
        return f"{scores} has {reason}"
    run = RunRecord.read(fold.resolve().parent)
    profile = run_profile(run)
    wanted = {"views": profile.test_views, "crops": profile.crops, "fold_sha": FoldRecord.read(fold).fold_sha}
    wanted["engine"] = run.engine
    wrong = [name for name, value in wanted.items() if getattr(record, name) != value]
    if record.precision not in _precisions(run):
        wrong.append("precision")
    return f"{scores} was made with other {', '.join(wrong)}" if wrong else None
