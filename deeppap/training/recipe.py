"""What a net is trained with, as a fingerprint: solver, net, counts and source weights; the data have their own."""

from pathlib import Path
from typing import Any

from data_prep.profiles import Profile
from deeppap.io.caffe_messages import prototxt_digest, training_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import digest, read_json, sha256_file, write_json
from deeppap.records.run_folder import STARTED

PROTOTXT = {"solver": "SolverParameter", "train_val": "NetParameter", "deploy": "NetParameter"}
Recipe = dict[str, Any]


def recipe_of(classes: int, profile: Profile, weights: Path | None, source: dict[str, Any] | None = None) -> Recipe:
    """What a fold would be trained with now: equal for all folds of a run, whose resolved files follow from it.

    The prototxt files count as Caffe reads them, so that a comment changes nothing. `weights` None is Gaussian
    initial values; with `source`, what is known of the trained net that they are, that net is adapted. A fold's own
    part, its data, is fold.json's fingerprint.
    """
    files = training_prototxt(classes, adapting=source is not None)
    parts: Recipe = {name: prototxt_digest(files[name], message) for name, message in PROTOTXT.items()}
    if source is None:
        parts |= {"batch_size": profile.batch_size, "epochs": profile.epochs}  # 0: the prototxt's
    else:
        parts |= {"batch_size": profile.adapt_batch, "iterations": profile.adapt_iterations}
    sha256 = source["sha256"] if source else weights and sha256_file(weights)
    parts["weights"] = weights and {"path": str(weights), "name": weights.name, "sha256": sha256}
    recipe = {**parts, "fingerprint": digest({**parts, "weights": _content(parts)})}
    return recipe if source is None else {**recipe, "source": source}


def _content(recipe: Recipe) -> str | None:
    """The source weights by their bytes alone: their file may be called anything."""
    weights = recipe.get("weights")
    return weights.get("sha256") if isinstance(weights, dict) else None


def note_start(fold: Path, recipe: Recipe) -> None:
    """Write down what a fold's training starts with."""
    write_json(fold / STARTED, recipe)


def recorded(fold: Path) -> Recipe | None:
    """What a fold was trained with: model.json's word, else that of the training's start; None where neither tells."""
    model = read_json(fold / "model.json", "tools/train.py") if (fold / "model.json").exists() else {}
    if isinstance(model, dict) and isinstance(model.get("trained"), dict):
        return model["trained"]
    if model or not (fold / STARTED).exists():
        return None
    recipe = read_json(fold / STARTED, "tools/train.py")
    if not isinstance(recipe, dict) or not isinstance(recipe.get("fingerprint"), str):
        raise UserError(fold / STARTED, "what the training started with", "something else", "Remove the snapshots.")
    return recipe


def difference(first: Recipe, second: Recipe) -> list[str]:
    """The parts in which two recipes differ, each with both sides in few characters."""
    if first.get("fingerprint") == second.get("fingerprint"):
        return []
    names = [*PROTOTXT, "batch_size", "epochs", "iterations"]
    lines = [f"{n} {_short(first.get(n))} and {_short(second.get(n))}" for n in names if first.get(n) != second.get(n)]
    if _content(first) != _content(second):
        lines.append(f"weights {_named(first)} and {_named(second)}")
    return lines or ["other parts"]


def _short(value: Any) -> str:
    return str(value)[:8]


def _named(recipe: Recipe) -> str:
    weights = recipe.get("weights")
    return f"{weights.get('name')} {_short(weights.get('sha256'))}" if isinstance(weights, dict) else "none (Gaussian)"


def require_same(fold: Path, recipe: Recipe, do: str) -> None:
    """Refuse a fold that was trained, or begun, with anything else; one that does not tell is let pass."""
    known = recorded(fold)
    if known and (parts := difference(known, recipe)):
        raise UserError(fold, "a fold trained with what is asked for now", f"then and now: {'; '.join(parts)}", do)
