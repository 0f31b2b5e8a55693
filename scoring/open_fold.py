"""Opening a trained fold, with everything checked to belong together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.caffe_messages import prototxt_folder
from common.errors import UserError
from common.files import read_json, sha256_file
from common.run_folder import RunConfig, read_config
from data_prep.cells import Cell, Dataset
from data_prep.dataset import open_dataset
from data_prep.fold_data import fold_cells, read_record
from data_prep.folds import read_split
from data_prep.mean_image import read_mean
from data_prep.prepare import expected_key
from training.select_model import read_model
from training.snapshots import list_snapshots

Refuse = Callable[[str | Path, str, str], None]


@dataclass(frozen=True)
class EvaluateOptions:
    """What a user may choose; None takes the profile's count."""

    views: int | None = None
    crops: int | None = None
    gpu: str | None = None
    model: Path | None = None
    shift: int = 0
    batch: int | None = None
    force: bool = False


@dataclass(frozen=True)
class FoldToScore:
    """A fold's parts, checked to belong together."""

    folder: Path
    config: RunConfig
    dataset: Dataset
    cells: list[Cell]
    mean: np.ndarray
    model: Path
    deploy: Path


def open_fold(folder: Path, options: EvaluateOptions, say: Callable[[str], None] = print) -> FoldToScore:
    """Open a fold and refuse what does not belong to it: data set, split, mean or model of another.

    Raises
    ------
    UserError
        Naming what does not fit; `force` says what it overrides and goes on.
    """
    record = read_record(folder)
    run = folder.resolve().parent
    config, split = read_config(run), read_split(run / "split.json")
    dataset = open_dataset(Path(config.data), config.allow_partial)
    refuse = Refusal(options.force, say)
    if dataset.fingerprint() != split["dataset_fingerprint"]:
        refuse(config.data, "the data set this run was built from", "another, or a changed one")
    if record["split"] != split["fingerprint"]:
        refuse(folder / "fold.json", "data of this run's split", "another split's")
    if record["fingerprint"] != expected_key(folder):
        refuse(folder / "fold.json", "this run's data of this fold", "those of another fold, seed or profile")
    mean_file = folder / "mean.binaryproto"
    mean = read_mean(mean_file)
    if sha256_file(mean_file) != record["mean"]:
        refuse(mean_file, "the mean image of this fold's training views", "another one")
    model = _find_model(folder, record, options, refuse, say)
    _, _, cells = fold_cells(dataset, split, record["fold"], config)
    return FoldToScore(folder, config, dataset, cells, mean, model, find_deploy(folder, config))


def find_deploy(folder: Path, config: RunConfig) -> Path:
    """The fold's resolved deploy prototxt, or the hand-written one where the fold was trained by hand."""
    resolved = folder / "deploy.prototxt"
    return resolved if resolved.exists() else prototxt_folder(config.classes) / "deploy.prototxt"


class Refusal:
    """Refuses what does not belong to a fold; with `force` it says what it overrides and goes on."""

    def __init__(self, force: bool, say: Callable[[str], None]):
        self.force, self.say = force, say

    def __call__(self, where: str | Path, expected: str, found: str) -> None:
        """Refuse, or say what is overridden."""
        error = UserError(where, expected, found, "Use what belongs to this fold, or --force.")
        if not self.force:
            raise error
        self.say(f"--force overrides: {error}")


def _find_model(folder: Path, record: dict, options: EvaluateOptions, refuse: Refuse, say: Callable) -> Path:
    if options.model:
        home = options.model.resolve().parent.parent / "fold.json"
        origin = read_json(home, "tools/train.py").get("fingerprint") if home.exists() else None
        if origin != record["fingerprint"]:
            found = "one of another fold, split or seed" if origin else "one of unknown origin"
            refuse(options.model, "a model trained on this fold", found)
        return options.model
    return selected_model(folder, refuse, say)


def selected_model(folder: Path, refuse: Refuse, say: Callable[[str], None]) -> Path:
    """The model that tools/train.py selected; the newest snapshot where Caffe was started by hand."""
    selected = folder / "model.json"
    if selected.exists():
        model = read_model(folder)
        snapshot = folder / model["snapshot"]
        if model.get("data") not in (None, read_record(folder)["fingerprint"]):
            refuse(selected, "a model trained on this fold", "one of another fold, split or seed")
        if not snapshot.exists() or sha256_file(snapshot) != model["sha256"]:
            refuse(snapshot, "the model that tools/train.py selected", "none, or a changed one")
        return snapshot
    snapshots = [s.model for s in list_snapshots(folder / "snapshots") if s.model.exists()]
    if not snapshots:
        do = "Run tools/train.py, or caffe train -solver prototxt/solver.prototxt -weights ..."
        raise UserError(folder / "snapshots", "a trained model", "none", do)
    say(f"no model was selected by tools/train.py; taking the newest snapshot {snapshots[0].name}")
    return snapshots[0]
