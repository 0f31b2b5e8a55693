"""Which .caffemodel of a fold is scored, and whether it is this fold's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.files import read_json, sha256_file
from deeppap.records.run_folder import STARTED
from deeppap.scoring.refusal import Refusal
from deeppap.training.origin import foreign
from deeppap.training.select_model import read_model
from deeppap.training.snapshots import list_snapshots


def chosen_weights(weights: Path, record: dict[str, Any], refuse: Refusal) -> Path:
    """Weights that the user names; `record` is the fold's."""
    home = weights.resolve().parent.parent / "fold.json"
    origin = read_json(home, "tools/train.py").get("fingerprint") if home.exists() else None
    if origin != record["fingerprint"]:
        found = "one of another fold, split or seed" if origin else "one of unknown origin"
        refuse(weights, "a model trained on this fold", found)
    if not weights.is_file():
        raise UserError(weights, "a .caffemodel", "no such file", CHECK_PATH)
    if origin == record["fingerprint"] and not is_selected(home.parent, sha256_file(weights)):
        _require_own(weights, home.parent, refuse)
    return weights


def is_selected(fold: Path, sha256: str) -> bool:
    """Whether these are the weights that tools/train.py selected: model.json knows their bytes and their data."""
    return (fold / "model.json").exists() and sha256 == read_model(fold)["sha256"]


def _require_own(snapshot: Path, fold: Path, refuse: Refusal) -> None:
    if (found := foreign(snapshot, fold)) is not None:
        refuse(snapshot, "a snapshot trained on this fold", found)


def selected_weights(
    folder: Path, record: dict[str, Any], refuse: Refusal, say: Callable[[str], None]
) -> tuple[Path, dict[str, Any]]:
    """The model that tools/train.py selected, and model.json; the newest snapshot where Caffe was started by hand."""
    selected = folder / "model.json"
    if selected.exists():
        model = read_model(folder)
        snapshot = folder / model["snapshot"]
        if model.get("data") not in (None, record["fingerprint"]):
            refuse(selected, "a model trained on this fold", "one of another fold, split or seed")
        if not snapshot.exists() or sha256_file(snapshot) != model["sha256"]:
            refuse(snapshot, "the model that tools/train.py selected", "none, or a changed one")
        return snapshot, model
    snapshots = [s.model for s in list_snapshots(folder / "snapshots") if s.model.exists()]
    if not snapshots:
        do = "Run tools/train.py, or caffe train -solver prototxt/solver.prototxt -weights ..."
        raise UserError(folder / "snapshots", "a trained model", "none", do)
    _require_own(snapshots[0], folder, refuse)
    why = "the training has not ended" if (folder / STARTED).exists() else "no model was selected by tools/train.py"
    say(f"{why}; taking the newest snapshot {snapshots[0].name}")
    return snapshots[0], {}
