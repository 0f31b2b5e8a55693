"""Training one fold: resolve, check, run or resume Caffe, select, prune."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from data_prep.fold_data import verify_fold
from data_prep.image_hashes import SOURCE_IMAGES, write_source_images
from data_prep.mean_image import SOURCE_MEAN, mean_of, read_mean
from data_prep.prepare import expected_key
from data_prep.profiles import Profile, run_profile
from deeppap.engines.device import Device
from deeppap.io.errors import CHECK_PATH, UserError
from deeppap.io.files import remove, require_space, sha256_file, write_bytes
from deeppap.io.pinned import REFERENCE
from deeppap.records import ModelRecord, Recipe, RunRecord
from deeppap.records.run_folder import locked, note_tf32
from deeppap.training.caffe_log import LogReader
from deeppap.training.learning_page import LearningPage
from deeppap.training.resolve import difference, net_shapes, recipe_of, recorded, require_same, resolve_fold
from deeppap.training.run_caffe import train
from deeppap.training.snapshots import (
    PRUNING,
    foreign,
    is_tested,
    kept_because,
    newest_complete,
    prune,
    require_finished,
    select_model,
)
from deeppap.training.source import SourceNet, check_source, check_source_weights, require_same_outputs

ENOUGH = 0.8  # of the iterations that a profile wants: fewer are said to be too few
WEIGHTS_BYTES = 60_000_000  # of ConvNet-T, with room; a snapshot holds them, their histories, and perhaps gradients


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


def train_fold(fold: Path, options: TrainOptions, say: Callable[[str], None] = print) -> ModelRecord:
    """Train a fold to its end, from the newest whole snapshot if there is one.

    Raises UserError for a fold, weights or prototxt that do not fit, before Caffe starts.
    """
    with locked(fold) as lock:
        run = RunRecord.read(fold.parent)
        profile = run_profile(run)
        if options.weights and not options.weights.is_file():
            raise UserError(options.weights, "the source net's weights", "no such file", CHECK_PATH)
        recipe, adapting = options.recipe(run.classes, profile), options.source is not None
        # the same command again is no second training: a study goes on where it was interrupted
        if (model := ModelRecord.read_if_there(fold)) is not None:
            _require_selected(fold, model, recipe)
            say(f"{fold} is already trained: iteration {model.iteration} selected")
            if (fold / "snapshots" / PRUNING).exists():  # killed before all were removed
                prune(fold / "snapshots", Path(model.snapshot))
            return model
        if options.source:
            require_same_outputs(options.source, run)
        # before Caffe: it ends with SIGBUS at a truncated LMDB, and trains on another fold's without a word
        record = verify_fold(fold, expected_key(fold))
        shapes = net_shapes(run)
        if options.source:
            check_source(options.source, fold, run, shapes, say)
        mean_sha = _bring_mean(options.source, fold)
        schedule = resolve_fold(fold, record, run, profile, options.device.count, adapting)
        start, arguments = _start(fold, options, shapes, schedule.histories, recipe, say)
        # weights and, in the solver's state, one value more for each history; Caffe cuts a file short on a full disk
        copies = 1 + schedule.histories + schedule.diff
        require_space(fold, copies * WEIGHTS_BYTES * schedule.snapshots_after(start))
        say(f"{fold}: training on {record.train_lmdb.entries:,} views, {schedule.describe()}; select {run.select}")
        # a fold of Herlev whose fields are kept together has 252 iterations by quick, which is enough
        # an adapted net has learned before
        if not adapting and 0 < schedule.max_iter < ENOUGH * profile.least_iterations:
            say(too_few(schedule.max_iter, profile, run.dataset.view_plan))
        if caveat := run.selection_caveat:
            say(f"note: {caveat}")
        # killed between its last snapshot and its last test, a training still owes that test
        if start < schedule.max_iter or not is_tested(fold / "train.log", start):
            if options.device.tf32:
                note_tf32(fold.parent)
            solver = ["-solver", str(fold / "solver.prototxt")]
            train([*solver, *arguments, *options.device.arguments], schedule, start, fold / "train.log", say, hold=lock)
            require_finished(fold, schedule)
        # marked before the model is selected: if we are killed in between, the next call finishes the removal
        if not options.keep_snapshots:
            (fold / "snapshots" / PRUNING).touch()
        # of an adapted net, a mean of the weights that it ends with and of its source's is kept
        averaged = adapting and run.select != "paper"
        rule = "last" if averaged else run.select
        model = replace(select_model(fold, rule, schedule, record.fold_sha, shapes), source_mean_sha=mean_sha)
        if averaged:
            # another border changes the source's views: its scores here would not be those of the net as it is
            if options.source.run.border == run.border:
                from deeppap.training import blend  # loads scikit-learn, which only an adapted net needs

                model = blend.blended(fold, model, options.source, run, options.device)
            else:
                border = f"its border is {options.source.run.border}, and this run's {run.border}"
                say(f"!! the adapted weights are kept without a comparison with the source: {border} !!")
        model.write(fold)
        result = f"The snapshot of iteration {model.iteration:,} is kept."
        if model.blend:
            result = kept_because(model.blend)
            say(result if model.blend.share else f"!! {result} !!")
        elif line := lost_by_adapting(model):
            result = f"{line}."
            say(f"!! {line} !!")
        LearningPage(fold / "train.log", schedule).update(LogReader(fold / "train.log"), result)
        if not options.keep_snapshots:
            prune(fold / "snapshots", Path(model.snapshot))
        return model


def _bring_mean(source: SourceNet | None, fold: Path) -> str | None:
    """Copy a source's mean image into the fold that it is adapted to, and return its checksum.

    Its convolutions have learned from images less this mean: less another one they see a cell in other colours. The
    fold's own mean image stays, so that a fold that is built again finds it. None without a source.
    """
    if source is None:
        remove(fold / SOURCE_MEAN)  # of an earlier training from another source
        return None
    path, sha = mean_of(source.fold, source.weights, source.origin.weights_sha)
    read_mean(path, sha)  # refuses a file that was changed
    write_bytes(fold / SOURCE_MEAN, path.read_bytes())
    return sha


def too_few(iterations: int, profile: Profile, view_plan: str) -> str:
    """A line for a training that is shorter than its profile wants: few cells in Herlev's shape, or an uneven fold."""
    more = "build another run of them as a manifest, which gets more views"
    if view_plan == "balanced":
        more = "a profile of more views: this fold's training cells are fewer than an even part of the set"
    return (
        f"!! this training has {iterations} iterations, fewer than the {profile.least_iterations} of profile "
        f"{profile.name}, and will learn little. Add cells, or {more} !!"
    )


def lost_by_adapting(model: ModelRecord) -> str | None:
    """A line for an adapted net that is no better on its validation cells than its source was."""
    before, after = model.val_loss_before, model.val_loss
    if before is None or after is None or after < before:
        return None
    then = f"loss {before:.3f}, accuracy {model.val_accuracy_before:.3f}"
    now = f"loss {after:.3f}, accuracy {model.val_accuracy:.3f}"
    do = "use the source net as it is, or label more cells (docs/how-to/adapt.md)"
    return f"adapting has gained nothing on the validation cells: {then} before, {now} after; {do}"


def _require_selected(fold: Path, model: ModelRecord, recipe: Recipe) -> None:
    snapshot, record = model.weights_in(fold), fold / ModelRecord.FILE
    if not snapshot.exists() or sha256_file(snapshot) != model.weights_sha:
        do = f"Remove {record} and run tools/train.py again."
        raise UserError(snapshot, "the selected model", "none, or a changed one", do)
    again = f"Remove {record} and {fold / 'snapshots'} to train it anew, or build another run."
    require_same(fold, recipe, again)


def _start(
    fold: Path, options: TrainOptions, shapes: dict, histories: int, recipe: Recipe, say: Callable
) -> tuple[int, list[str]]:
    """Where training starts, as an iteration and Caffe's arguments."""
    snapshot, passed = newest_complete(fold / "snapshots", shapes, histories)
    for line in passed:
        say(line)
    if snapshot:
        if (found := foreign(snapshot.model, fold, by_hand=False)) is not None:
            do = "Move the snapshots away and run the same command again; tools/evaluate.py scores them as they are."
            raise UserError(snapshot.model, "a snapshot that tools/train.py trained on this fold", found, do)
        require_same(fold, recipe, "Ask for the same again, or move the snapshots away to start anew.")
        say(f"resuming from iteration {snapshot.iteration}: a continuation, not a repetition of an unbroken run")
        return snapshot.iteration, ["-snapshot", str(snapshot.state)]
    # left by a training that never reached a snapshot: its log would be read as this one's
    remove(fold / "train.log")
    remove(fold / SOURCE_IMAGES)
    arguments = _source(fold, options, shapes, say)
    recipe.write(fold)
    # pooled scores of nets that were trained differently mean little; here it is said, `cross_validate` refuses
    for other in sorted(fold.parent.glob("fold*")):
        known = recorded(other)
        if known and (parts := difference(known, recipe)):
            say(f"!! {other} was trained otherwise, then and now: {'; '.join(parts)} !!")
    return 0, arguments


def _source(fold: Path, options: TrainOptions, shapes: dict, say: Callable) -> list[str]:
    """What the net's layers begin as, in Caffe's arguments."""
    if options.source:
        write_source_images(fold, options.source.seen)
        say(f"adapting, from all eight layers of {options.source.weights}")
        return ["-weights", str(options.source.weights)]
    if options.weights is None:
        say("!! no source weights: every layer starts from Gaussian random values; this is not transfer learning !!")
        return []
    check_source_weights(options.weights, shapes)
    if options.weights.name != REFERENCE:
        say(f"note: the training starts from {options.weights.name}. This is fine; the paper used {REFERENCE}")
    return ["-weights", str(options.weights)]
