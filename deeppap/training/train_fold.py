"""Training one fold: resolve, check, run or resume Caffe, select, prune."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from data_prep.fold_data import require_outputs, verify_fold
from data_prep.fold_images import SOURCE, write_source_images
from data_prep.prepare import expected_key, run_profile
from data_prep.profiles import Profile
from deeppap.engines.device import Device
from deeppap.engines.net_probe import probe_net
from deeppap.io.caffe_messages import prototxt_folder
from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.files import remove, require_space, sha256_file
from deeppap.io.pinned import REFERENCE
from deeppap.records.request import selection_caveat
from deeppap.records.run_folder import RunConfig, locked, note_in_record, read_config, read_run
from deeppap.training.origin import foreign
from deeppap.training.reached import is_tested, require_reached
from deeppap.training.recipe import Recipe, difference, note_start, recipe_of, recorded, require_same
from deeppap.training.resolve import Schedule, resolve_fold
from deeppap.training.run_caffe import train
from deeppap.training.select_model import read_model, select_model
from deeppap.training.snapshots import newest_complete, prune
from deeppap.training.source_net import SourceNet, check_source, require_two_classes
from deeppap.training.source_weights import check_source_weights
from deeppap.training.validation_losses import validation_losses

SNAPSHOT_BYTES = 2 * 60_000_000  # of ConvNet-T: weights and their history, with room


@dataclass(frozen=True)
class TrainOptions:
    """What a user may choose of a fold's training; the numbers are the prototxt's and the profile's."""

    weights: Path | None = None  # None: Gaussian initial values
    device: Device = Device()
    keep_snapshots: bool = False
    source: SourceNet | None = None  # a trained net to adapt, in place of weights

    def recipe(self, classes: int, profile: Profile) -> Recipe:
        """What a fold would be trained with."""
        if self.source:
            return recipe_of(classes, profile, self.source.weights, self.source.origin)
        return recipe_of(classes, profile, self.weights)


def train_fold(fold: Path, options: TrainOptions, say: Callable[[str], None] = print) -> dict:
    """Train a fold to its end, from the newest whole snapshot if there is one; returns model.json.

    Raises
    ------
    UserError
        For a fold, weights or prototxt that do not fit, before Caffe starts.
    """
    with locked(fold) as lock:
        model_file = fold / "model.json"
        config = read_config(fold.parent)
        profile = run_profile(config)
        _require_file(options.weights)
        recipe, adapting = options.recipe(config.classes, profile), options.source is not None
        if model_file.exists():
            return _finished(fold, model_file, recipe, say)
        if options.source:
            require_two_classes(config)
        record = verify_fold(fold, expected_key(fold))
        require_outputs(config.classes, adapting)
        shapes = probe_net(prototxt_folder(config.classes) / "deploy.prototxt")["params"]
        if options.source:
            check_source(options.source, fold, config, shapes, say)
        schedule = resolve_fold(fold, record, config, profile, options.device.count, adapting)
        start, arguments = _start(fold, options, config.classes, shapes, recipe, say)
        require_space(fold, SNAPSHOT_BYTES * schedule.snapshots_after(start))
        _say_plan(fold, record, schedule, config, profile, say)
        if start < schedule.max_iter or not is_tested(fold / "train.log", start):
            if options.device.tf32:
                note_in_record(fold.parent, tf32=True)
            solver = ["-solver", str(fold / "solver.prototxt")]
            train([*solver, *arguments, *options.device.arguments], schedule, start, fold / "train.log", say, hold=lock)
            require_reached(fold, schedule)
        validated = partial(validation_losses, fold, record=record, device=options.device)
        model = select_model(fold, config.select, schedule, shapes, record["fingerprint"], recorded(fold), validated)
        if line := lost_by_adapting(model):
            say(f"!! {line} !!")
        if not options.keep_snapshots:
            prune(fold / "snapshots", Path(model["snapshot"]))
        return model


def _say_plan(
    fold: Path, record: dict, schedule: Schedule, config: RunConfig, profile: Profile, say: Callable[[str], None]
) -> None:
    entries = record["train_lmdb"]["entries"]
    say(f"{fold}: {entries:,} views, {schedule.describe()}, select {config.select}")
    if 0 < schedule.epochs * schedule.iterations_per_epoch < profile.least_iterations:
        say(too_few(schedule.max_iter, profile, config.view_plan))
    if caveat := selection_caveat(config.protocol, config.select):
        say(f"note: {caveat}")


def too_few(iterations: int, profile: Profile, view_plan: str) -> str:
    """A line for a training that is shorter than its profile wants: few cells in Herlev's shape, or an uneven fold."""
    more = "build another run of them as a manifest, which gets more views"
    if view_plan == "balanced":
        more = "a profile of more views: this fold's training cells are fewer than an even part of the set"
    return (
        f"!! {iterations} iterations, and profile {profile.name} wants {profile.least_iterations} at the least: too "
        f"few to learn much. Add cells, or {more} !!"
    )


def lost_by_adapting(model: Mapping[str, Any]) -> str | None:
    """A line for an adapted net that its validation cells speak against; `model` is model.json."""
    before, after = model.get("val_loss_before"), model.get("val_loss")
    if before is None or after is None or after < before:
        return None
    shown = "loss {:.3f}, accuracy {:.3f}".format
    then, now = shown(before, model["val_accuracy_before"]), shown(after, model["val_accuracy"])
    do = "use the source net as it is, or label more cells (docs/adapting.md)"
    return f"adapting has gained nothing on the validation cells: {then} before, {now} after; {do}"


def _require_file(weights: Path | None) -> None:
    if weights and not weights.is_file():
        raise UserError(weights, "the source net's weights", "no such file", CHECK_PATH)


def _finished(fold: Path, model_file: Path, recipe: Recipe, say: Callable[[str], None]) -> dict:
    model = read_model(fold)
    snapshot = fold / model["snapshot"]
    again = f"Remove {model_file} and {fold / 'snapshots'} to train it anew, or build another run."
    if not snapshot.exists() or sha256_file(snapshot) != model["sha256"]:
        do = f"Remove {model_file} and run tools/train.py again."
        raise UserError(snapshot, "the selected model", "none, or a changed one", do)
    require_same(fold, recipe, again)
    if recorded(fold) is None:
        _require_same_start(fold, recipe, again)
    say(f"{fold} is already trained: iteration {model['iteration']} selected")
    return model


def _require_same_start(fold: Path, recipe: Recipe, do: str) -> None:
    """Of a model from before models recorded it, at least whether it was transferred, by its run's record."""
    run = read_run(fold.parent)[0]
    if "weights" in run and bool(run["weights"]) != bool(recipe["weights"]):
        found = "one from other weights" if run["weights"] else "one from Gaussian values"
        raise UserError(fold, "a model trained with what is asked for now", found, do)


def _start(
    fold: Path, options: TrainOptions, classes: int, shapes: dict, recipe: Recipe, say: Callable
) -> tuple[int, list[str]]:
    """Where training starts, as an iteration and Caffe's arguments."""
    snapshot, passed = newest_complete(fold / "snapshots", shapes)
    for line in passed:
        say(line)
    if snapshot:
        _require_own(fold, snapshot.model, recipe)
        say(f"resuming from iteration {snapshot.iteration}: a continuation, not a repetition of an unbroken run")
        return snapshot.iteration, ["-snapshot", str(snapshot.state)]
    remove(fold / "train.log")
    remove(fold / SOURCE)
    arguments = _source(fold, options, classes, shapes, say)
    note_start(fold, recipe)
    for other in sorted(fold.parent.glob("fold*")):
        known = recorded(other)
        if known and (parts := difference(known, recipe)):
            say(f"!! {other} was trained otherwise, then and now: {'; '.join(parts)} !!")
    return 0, arguments


def _source(fold: Path, options: TrainOptions, classes: int, shapes: dict, say: Callable) -> list[str]:
    """What the net's layers begin as, in Caffe's arguments."""
    if options.source:
        write_source_images(fold, options.source.seen)
        say(f"adapting all eight layers of {options.source.weights}")
        return ["-weights", str(options.source.weights)]
    if options.weights is None:
        say("!! no source weights: every layer starts from Gaussian random values; this is not transfer learning !!")
        return []
    facts = check_source_weights(options.weights, classes, shapes)
    if facts["name"] != REFERENCE:
        say(f"note: source weights {facts['name']} are not {REFERENCE}")
    return ["-weights", str(options.weights)]


def _require_own(fold: Path, snapshot: Path, recipe: Recipe) -> None:
    """Refuse to go on from a snapshot of other data, or of a training with other means."""
    do = "Move the snapshots away and run the same command again; tools/evaluate.py scores them as they are."
    if (found := foreign(snapshot, fold, by_hand=False)) is not None:
        raise UserError(snapshot, "a snapshot that tools/train.py trained on this fold", found, do)
    require_same(fold, recipe, "Ask for the same again, or move the snapshots away to start anew.")
