"""Selecting the model of a fold (paper: "Network training"; method: paper, last, inner)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.errors import UserError
from deeppap.io.files import read_json, sha256_file, write_json
from deeppap.training.caffe_log import parse
from deeppap.training.recipe import Recipe
from deeppap.training.resolve import Schedule
from deeppap.training.snapshots import list_snapshots

OTHERS = "Remove it and run tools/train.py again; the other snapshots are then chosen from."


def select_model(
    fold: Path,
    rule: str,
    schedule: Schedule,
    shapes: Shapes | None = None,
    fingerprint: str | None = None,
    recipe: Recipe | None = None,
    validated: Callable[[Path], Mapping[str, Any]] | None = None,
) -> dict:
    """Choose a snapshot by `rule` and write model.json.

    `paper` and `inner` take the lowest validation loss among the snapshots at the end of an epoch (the
    earlier one where two are equal); `last` the end of training. What the validation LMDB holds differs.
    With the net's `shapes` the chosen file must be whole: on a full disk Caffe may cut one short and end well.
    `fingerprint` is that of the fold's data, so that the model is known as this fold's wherever it is copied;
    `recipe` is what it was trained with, None where nobody recorded it; `validated` tells more of the chosen file.
    """
    snapshots = {s.iteration: s for s in list_snapshots(fold / "snapshots") if s.model.exists()}
    tests = {iteration: (loss, accuracy) for iteration, loss, accuracy in parse(fold / "train.log").test}
    iteration = _choice(rule, schedule, set(snapshots), tests)
    if iteration is None:
        found = f"snapshots {sorted(snapshots)} and tests {sorted(tests)}"
        raise UserError(fold, "a snapshot with a validation loss in train.log", found, "Run tools/train.py again.")
    if shapes:
        check_weights(snapshots[iteration].model, shapes, OTHERS)
    model = {
        "snapshot": str(snapshots[iteration].model.relative_to(fold)),
        "iteration": iteration,
        "epoch": iteration / schedule.iterations_per_epoch,
        "select": rule,
        **_tested(tests, iteration),
        **(_tested(tests, 0, "_before") if recipe and recipe.get("source") else {}),  # an adapted net's source
        **(validated(snapshots[iteration].model) if validated else {}),
        "sha256": sha256_file(snapshots[iteration].model),
        "data": fingerprint,
        "trained": recipe,
    }
    write_json(fold / "model.json", model)
    return model


def _choice(rule: str, schedule: Schedule, there: set[int], tests: dict[int, tuple[float, float]]) -> int | None:
    """The iteration that a rule takes, of those whose snapshots are there."""
    if rule == "last":
        return schedule.max_iter if schedule.max_iter in there else None
    known = [i for i in tests if i in there and tests[i][0] == tests[i][0]]  # a loss may be NaN
    return min(known, key=lambda i: (tests[i][0], i), default=None)


def _tested(tests: Mapping[int, tuple[float, float]], iteration: int, when: str = "") -> dict[str, float | None]:
    loss, accuracy = tests.get(iteration, (None, None))
    return {f"val_loss{when}": loss, f"val_accuracy{when}": accuracy}


def read_model(fold: Path) -> dict:
    """What select_model recorded."""
    model = read_json(fold / "model.json", "tools/train.py")
    if not isinstance(model, dict) or not all(isinstance(model.get(key), str) for key in ("snapshot", "sha256")):
        do = "Remove it and run tools/train.py again."
        raise UserError(fold / "model.json", "a selected model with snapshot and sha256", "something else", do)
    return model
