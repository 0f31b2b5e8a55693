"""Which .caffemodel of a fold is scored, and whether it is this fold's."""

from collections.abc import Callable
from pathlib import Path

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.files import sha256_file
from deeppap.records import FoldRecord, ModelRecord, Recipe
from deeppap.scoring.refusal import Refusal
from deeppap.training.snapshots import foreign, list_snapshots


def chosen_weights(weights: Path, record: FoldRecord, refuse: Refusal) -> Path:
    """Weights that the user names; `record` is the fold's."""
    home = weights.resolve().parent.parent
    origin = FoldRecord.read_if_there(home)
    own = origin is not None and origin.fold_sha == record.fold_sha
    if not own:
        found = "one of another fold, split or seed" if origin else "one of unknown origin"
        refuse(weights, "a model trained on this fold", found)
    if not weights.is_file():
        raise UserError(weights, "a .caffemodel", "no such file", CHECK_PATH)
    if own and not is_selected(home, sha256_file(weights)):
        _require_own(weights, home, refuse)
    return weights


def is_selected(fold: Path, weights_sha: str) -> bool:
    """Whether these are the weights that tools/train.py selected: model.json knows their bytes and their data."""
    model = ModelRecord.read_if_there(fold)
    return model is not None and weights_sha == model.weights_sha


def _require_own(snapshot: Path, fold: Path, refuse: Refusal) -> None:
    if (found := foreign(snapshot, fold)) is not None:
        refuse(snapshot, "a snapshot trained on this fold", found)


def selected_weights(
    folder: Path, record: FoldRecord, refuse: Refusal, say: Callable[[str], None]
) -> tuple[Path, ModelRecord | None]:
    """The model that tools/train.py selected, and its record; the newest snapshot where Caffe was started by hand."""
    model = ModelRecord.read_if_there(folder)
    if model is not None:
        snapshot = folder / model.snapshot
        if model.fold_sha != record.fold_sha:
            refuse(folder / ModelRecord.FILE, "a model trained on this fold", "one of another fold, split or seed")
        if not snapshot.exists() or sha256_file(snapshot) != model.weights_sha:
            refuse(snapshot, "the model that tools/train.py selected", "none, or a changed one")
        return snapshot, model
    snapshots = [s.model for s in list_snapshots(folder / "snapshots") if s.model.exists()]
    if not snapshots:
        do = "Run tools/train.py, or caffe train -solver prototxt/solver.prototxt -weights ..."
        raise UserError(folder / "snapshots", "a trained model", "none", do)
    _require_own(snapshots[0], folder, refuse)
    why = "the training has not ended" if (folder / Recipe.FILE).exists() else "no model was selected by tools/train.py"
    say(f"{why}; taking the newest snapshot {snapshots[0].name}")
    return snapshots[0], None
