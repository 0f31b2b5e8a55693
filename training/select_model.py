"""Selecting the model of a fold (paper: "Network training"; method: paper, last, inner)."""

from pathlib import Path

from common.errors import UserError
from common.files import sha256_file, write_json
from training.caffe_log import parse
from training.resolve import Schedule
from training.snapshots import list_snapshots


def select_model(fold: Path, rule: str, schedule: Schedule) -> dict:
    """Choose a snapshot by `rule` and write model.json.

    `paper` and `inner` take the lowest validation loss among the snapshots at the end of an epoch (the
    earlier one where two are equal); `last` the end of training. What the validation LMDB holds differs.
    """
    snapshots = {s.iteration: s for s in list_snapshots(fold / "snapshots") if s.model.exists()}
    tests = {iteration: (loss, accuracy) for iteration, loss, accuracy in parse(fold / "train.log").test}
    if rule == "last":
        choice = [schedule.max_iter] if schedule.max_iter in snapshots else []
    else:
        choice = [i for i in tests if i in snapshots and tests[i][0] == tests[i][0]]
        choice.sort(key=lambda i: (tests[i][0], i))
    if not choice:
        found = f"snapshots {sorted(snapshots)} and tests {sorted(tests)}"
        raise UserError(fold, "a snapshot with a validation loss in train.log", found, "Run tools/train.py again.")
    iteration = choice[0]
    loss, accuracy = tests.get(iteration, (None, None))
    model = {
        "snapshot": str(snapshots[iteration].model.relative_to(fold)),
        "iteration": iteration,
        "epoch": iteration / schedule.iterations_per_epoch,
        "select": rule,
        "val_loss": loss,
        "val_accuracy": accuracy,
        "sha256": sha256_file(snapshots[iteration].model),
    }
    write_json(fold / "model.json", model)
    return model
