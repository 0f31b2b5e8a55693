"""Snapshots: which are whole, whose they are, and which one is selected (paper: "Network training").

Caffe writes a snapshot in place, the .caffemodel first; an interruption can cut either file short.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from data_prep.folds import FEWEST_TRAINED
from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.caffe_messages import read_binary
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.io.training_prototxt import refused_fields
from deeppap.records import BlendRecord, FoldRecord, ModelRecord
from deeppap.records.run_folder import CURRENT
from deeppap.training.caffe_log import parse
from deeppap.training.resolve import Schedule, recorded

NAME = re.compile(r"_iter_(\d+)\.(caffemodel|solverstate)$")
DO = "Remove it; training goes on from the one before."
OWN = "Use what belongs to this fold."
OTHERS = "Remove it and run tools/train.py again; the other snapshots are then chosen from."
PRUNING = ".pruning"  # in a folder of snapshots: all but the selected one are to be removed
TRAIN_LMDB = "train_lmdb"


@dataclass(frozen=True)
class Snapshot:
    """One iteration's pair of files."""

    iteration: int
    model: Path
    state: Path


def list_snapshots(folder: Path) -> list[Snapshot]:
    """Every iteration that left a .caffemodel or a .solverstate, newest first, whole or not."""
    bases = {}
    for path in folder.glob("*_iter_*"):
        if match := NAME.search(path.name):
            base = bases.setdefault(int(match[1]), path.with_suffix(""))
            if base.name != path.stem:
                raise UserError(folder, "snapshots of one training", f"{base.name} and {path.stem}", "Move one away.")
    return [
        Snapshot(i, base.with_suffix(".caffemodel"), base.with_suffix(".solverstate"))
        for i, base in sorted(bases.items(), reverse=True)
    ]


def check_snapshot(snapshot: Snapshot, shapes: Shapes, histories: int = 1) -> None:
    """Refuse a pair of which either file is missing, cut short or of another net."""
    check_weights(snapshot.model, shapes, DO)
    state = read_binary(snapshot.state, "SolverState", DO)
    count = histories * sum(len(blobs) for blobs in shapes.values())
    if state.iter != snapshot.iteration or len(state.history) != count:
        found = f"iteration {state.iter} with {len(state.history)}"
        raise UserError(snapshot.state, f"iteration {snapshot.iteration} with {count} histories", found, DO)


def newest_complete(folder: Path, shapes: Shapes, histories: int = 1) -> tuple[Snapshot | None, list[str]]:
    """The newest whole snapshot, and a line for each newer one that was passed over.

    `histories` is how many the solver keeps of each blob: SGD one, Adam two.
    """
    passed = []
    for snapshot in list_snapshots(folder):
        # read whole, since a file cut at a message boundary parses and Caffe would go on with random layers
        try:
            check_snapshot(snapshot, shapes, histories)
        except UserError as error:
            passed.append(f"passing over iteration {snapshot.iteration}: {error}")
            continue
        return snapshot, passed
    return None, passed


def prune(folder: Path, keep: Path) -> None:
    """Remove every snapshot but the selected model, and the mark that says so."""
    for snapshot in list_snapshots(folder):
        for path in (snapshot.model, snapshot.state):
            if path.name != keep.name:
                path.unlink(missing_ok=True)
    (folder / PRUNING).unlink(missing_ok=True)


def foreign(model: Path, fold: Path, by_hand: bool = True) -> str | None:
    """Why a .caffemodel among a fold's snapshots is not known to be that fold's; None if it is.

    tools/train.py trains from the fold's own path. The hand-written prototxt reads and writes through data/fold, which
    does not move while Caffe trains, so that such a snapshot is the fold's it lies in; `by_hand` accepts it.
    """
    net = read_binary(model, "NetParameter", "Remove it.")  # Caffe writes the net's definition into a snapshot
    inputs = [layer for layer in net.layer if layer.type == "Data"]
    if not inputs:
        return "one that does not say what it was trained on"
    for transform in (layer.transform_param for layer in inputs):
        # scoring would give the net other numbers than those it was trained on
        for text, _ in refused_fields(transform):
            return f"one trained with {text}"
        if not transform.HasField("mean_file"):
            return "one trained without a mean image"
    # by run and fold, not by the whole path: a project that was moved keeps its snapshots
    home = fold.resolve()
    for source in (Path(layer.data_param.source) for layer in inputs):
        if source == CURRENT / TRAIN_LMDB:
            if not by_hand:
                return f"one that caffe train was started by hand for, on {source}"
        elif source.parts[-3:] != (home.parent.name, home.name, TRAIN_LMDB):
            return f"one trained on {source}"
    return None


def selected_weights(fold: Path, record: FoldRecord) -> tuple[Path, ModelRecord] | None:
    """The model that tools/train.py selected, and its record; None if it has selected none.

    `record` is the fold's. Raises UserError for a model of another fold, or one that was changed since.
    """
    model = _model_of(fold, record)
    if model is None:
        return None
    path = model.weights_in(fold)
    if not path.is_file() or sha256_file(path) != model.weights_sha:
        raise UserError(path, "the model that tools/train.py selected", "none, or a changed one", OWN)
    return path, model


def require_own(weights: Path, fold: Path, record: FoldRecord) -> str:
    """The checksum of a .caffemodel among a fold's snapshots; `record` is the fold's.

    UserError unless it is the one that tools/train.py selected, or says itself that it was trained on the fold.
    """
    weights_sha, model = sha256_file(weights), _model_of(fold, record)
    selected = model is not None and weights_sha == model.weights_sha
    if not selected and (found := foreign(weights, fold)) is not None:
        raise UserError(weights, "a snapshot trained on this fold", found, OWN)
    return weights_sha


def _model_of(fold: Path, record: FoldRecord) -> ModelRecord | None:
    model = ModelRecord.read_if_there(fold)
    if model is not None and model.fold_sha != record.fold_sha:
        found = "one of another fold, split or seed"
        raise UserError(fold / ModelRecord.FILE, "a model trained on this fold", found, OWN)
    return model


def is_tested(log: Path, iteration: int) -> bool:
    """Whether a log holds a whole test of an iteration; Caffe writes the last snapshot before its last test."""
    return log.exists() and iteration in {tested for tested, _, _ in parse(log).test}


def require_finished(fold: Path, schedule: Schedule) -> None:
    """Require the last snapshot and its test: Caffe ends well also where it was asked to stop before.

    Raises UserError with the iteration at which Caffe stopped.
    """
    log, end = fold / "train.log", schedule.max_iter
    there = [snapshot.iteration for snapshot in list_snapshots(fold / "snapshots") if snapshot.model.exists()]
    if end not in there or not is_tested(log, end):
        found = "its last test cut short" if end in there else f"the newest snapshot at {max(there, default=0):,}"
        do = "Run the same command again to continue."
        raise UserError(log, f"a training that has reached iteration {end:,}", found, do)


def select_model(fold: Path, rule: str, schedule: Schedule, fold_sha: str, shapes: Shapes | None = None) -> ModelRecord:
    """Choose a snapshot by `rule`: what model.json is to hold.

    `paper` and `inner` take the lowest validation loss among the snapshots at the end of an epoch (the earlier one
    where two are equal); `last` the end of training. What the validation LMDB holds differs. With the net's `shapes`
    the chosen file must be whole: on a full disk Caffe may cut one short and end well.
    """
    snapshots = {s.iteration: s for s in list_snapshots(fold / "snapshots") if s.model.exists()}
    tests = {iteration: (loss, accuracy) for iteration, loss, accuracy in parse(fold / "train.log").test}
    if rule == "last":
        iteration = schedule.max_iter if schedule.max_iter in snapshots else None
    else:
        # iteration 0 is tested too and has no snapshot; of two equal losses the first counts
        known = [i for i in sorted(tests) if i in snapshots and not math.isnan(tests[i][0])]
        iteration = min(known, key=lambda i: tests[i][0], default=None)
    if iteration is None:
        found = f"snapshots {sorted(snapshots)} and tests {sorted(tests)}"
        raise UserError(fold, "a snapshot with a validation loss in train.log", found, "Run tools/train.py again.")
    chosen = snapshots[iteration].model
    if shapes:
        check_weights(chosen, shapes, OTHERS)
    recipe = recorded(fold)
    loss, accuracy = tests.get(iteration, (None, None))
    # only an adapted net is worth anything before its first iteration
    before = tests.get(0, (None, None)) if recipe and recipe.source else (None, None)
    return ModelRecord(
        snapshot=str(chosen.relative_to(fold)),
        iteration=iteration,
        epoch=iteration / schedule.iterations_per_epoch,
        select=rule,
        val_loss=loss,
        val_accuracy=accuracy,
        val_loss_before=before[0],
        val_accuracy_before=before[1],
        weights_sha=sha256_file(chosen),
        fold_sha=fold_sha,
        recipe=recipe,
    )


def kept(share: float) -> str:
    """Which weights an adapted net kept, of which this share is adapted, in the words of every page."""
    if share == 0:
        return "not adapted: the source net is kept as it was"
    if share == 1:
        return "the adapted weights are kept"
    return f"a mean is kept: {100 * share:.0f} % adapted weights, {100 - 100 * share:.0f} % the source's"


def kept_because(blend: BlendRecord) -> str:
    """The same, and what the inner cells showed, or how many cells trained."""
    if blend.trained is not None:
        if few := too_few_trained(blend.trained):
            return f"{kept(blend.share)}. {few}. Label more cells."
        return f"{kept(blend.share)}. {blend.trained} cells trained."
    if few := too_few(blend.abnormal, blend.normal):
        return f"{kept(blend.share)}. {few}. Label more cells."
    cells = _inner(blend.abnormal, blend.normal)
    aucs = {one.share: one.auc for one in blend.tried}
    if blend.share:
        found = f"{kept(blend.share)}. On {cells}, AUC was {aucs[0]:.3f} before and is {aucs[blend.share]:.3f} now."
        unsure = " It fell by no more than chance allows. Label more cells."
        return found + unsure if aucs[blend.share] < aucs[0] else found
    best = max(auc for share, auc in aucs.items() if share)
    found = f"On {cells}, AUC was {aucs[0]:.3f} as it was and at best {best:.3f} adapted"
    return f"{kept(blend.share)}. {found}. Label more cells."


def too_few(abnormal: int, normal: int) -> str:
    """Why so many inner cells cannot judge an adapted net; "" if they can."""
    from deeppap.stats.intervals import FEWEST  # loads SciPy, which other nets need not wait for

    if min(abnormal, normal) >= FEWEST:
        return ""
    return f"{_inner(abnormal, normal)} are too few to judge an adapted net, which takes {FEWEST} of each label"


def too_few_trained(cells: int) -> str:
    """Why so many training cells adapt no net; "" if they do."""
    few = f"{cells} training cells are too few to adapt a net, which takes {FEWEST_TRAINED}"
    return few if cells < FEWEST_TRAINED else ""


def _inner(abnormal: int, normal: int) -> str:
    return f"{abnormal} abnormal and {normal} normal inner cells (held back from training)"
