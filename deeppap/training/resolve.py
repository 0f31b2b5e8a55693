"""The hand-written prototxt files: resolved for one fold, and the recipe that they are a part of."""

import math
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message

from data_prep.classes import outputs_of
from data_prep.mean_image import MEAN, SOURCE_MEAN
from data_prep.profiles import Profile, epochs_of
from deeppap.engines.caffe_net import probe_net
from deeppap.engines.weights_file import Shapes
from deeppap.io.caffe_messages import (
    ROOT,
    caffe_pb2,
    data_layer,
    prototxt_digest,
    prototxt_file,
    read_prototxt,
    training_prototxt,
    write_prototxt,
    written_outputs,
)
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import digest, sha256_file, write_text
from deeppap.io.training_prototxt import TEST, TRAIN, histories, read_training
from deeppap.records import FoldRecord, ModelRecord, Recipe, RunRecord, SourceRecord, WeightsRecord

PREFIX = "convnet_t"
PROTOTXT = {"solver": "SolverParameter", "train_val": "NetParameter", "deploy": "NetParameter"}
NOTE = "# Resolved for this fold from {source}; the hand-written file is the definition.\n"


@dataclass(frozen=True)
class Schedule:
    """One fold's solver in numbers."""

    iterations_per_epoch: int
    epochs: int
    batch_size: int  # images an iteration, in all forward passes of it
    histories: int = 1  # values that the solver keeps of each weight
    diff: bool = False  # whether a snapshot holds the gradients too

    @property
    def max_iter(self) -> int:
        """Iterations in all."""
        return self.iterations_per_epoch * self.epochs

    def snapshots_after(self, start: int) -> int:
        """How many snapshots Caffe still writes where it goes on from an iteration."""
        return math.ceil((self.max_iter - start) / self.iterations_per_epoch)

    def describe(self) -> str:
        """Its length in words."""
        epochs = f"{self.epochs} epoch{'s' * (self.epochs != 1)} (once through them all) of {self.iterations_per_epoch}"
        return f"{epochs} iterations (steps) of {self.batch_size} views"


def resolve_net(net: Message, fold: Path, record: FoldRecord, batch: int, mean: str) -> None:
    """Point a train_val net at a fold's LMDBs and `mean` image, with the profile's `batch`, 0 as written."""
    for phase, name in ((TRAIN, "train_lmdb"), (TEST, "val_lmdb")):
        layer = data_layer(net, phase)
        layer.data_param.source = str(fold / name)
        layer.transform_param.mean_file = str(fold / mean)
    if batch:
        data_layer(net, TRAIN).data_param.batch_size = batch
    # one batch a cell, so that test_iter = cells covers the LMDB exactly once
    data_layer(net, TEST).data_param.batch_size = record.validation_views


def resolve_solver(
    solver: Message, net: Message, record: FoldRecord, profile: Profile, adapting: bool = False
) -> Schedule:
    """Fill in a fold's numbers; the hand-written solver says how many epochs each stage takes."""
    # Caffe adds up the gradients of `iter_size` batches before it changes a weight
    images = data_layer(net, TRAIN).data_param.batch_size * solver.iter_size
    epoch = math.ceil(record.train_lmdb.entries / images)
    epochs = epochs_of(profile, solver, adapting)
    _fit_rates(solver, epochs, epoch)
    solver.test_interval = solver.snapshot = epoch
    solver.display = max(1, min(solver.display, epoch // 10))
    return Schedule(epoch, epochs, images, histories=histories(solver), diff=solver.snapshot_diff)


def _fit_rates(solver: Message, epochs: int, epoch: int) -> None:
    """Set the length; at each part of it the rate is that of the hand-written solver at the same part of its own.

    `epoch` is in iterations. The policy `poly` follows `max_iter` by itself.
    """
    # so many iterations of the hand-written training does one stand for
    stretch = solver.max_iter / (epochs * epoch)

    def fit(stage: int) -> int:
        # rounded up: where the stages do not come out even it is the first, at the highest rate, that is not cut short
        whole = math.ceil(epochs * stage / solver.max_iter) * epoch
        # too few epochs for the stages: within one, or the rate would never fall
        return whole if whole < epochs * epoch else math.ceil(stage / stretch)

    # not set in other policies, where writing it would make another solver of it
    if solver.HasField("stepsize"):
        solver.stepsize = fit(solver.stepsize)
    solver.stepvalue[:] = list(map(fit, solver.stepvalue))
    if solver.lr_policy == "exp":
        solver.gamma **= stretch
    elif solver.lr_policy in ("inv", "sigmoid"):
        solver.gamma *= stretch
    solver.max_iter = epochs * epoch


def share_batch(net: Message, gpus: int) -> None:
    """Divide the training batch among several GPUs: Caffe gives each one a batch of the size in the prototxt."""
    layer = data_layer(net, TRAIN).data_param
    if layer.batch_size % max(1, gpus):
        do = "Show fewer to Caffe with CUDA_VISIBLE_DEVICES, or use `gpu` 0."
        raise FieldError("gpu", f"a number of GPUs that divides the batch of {layer.batch_size}", str(gpus), do)
    layer.batch_size //= max(1, gpus)


def resolve_fold(
    fold: Path, record: FoldRecord, run: RunRecord, profile: Profile, gpus: int, adapting: bool = False
) -> Schedule:
    """Write a fold's train_val, solver and deploy prototxt into its folder; gpus 0 is the CPU."""
    files = training_prototxt(run.classes, adapting)
    outputs = written_outputs(run.classes, adapting)
    written = read_training(files, outputs)
    net, solver = written.train_val, written.solver
    batch, mean = (profile.adapt_batch, SOURCE_MEAN) if adapting else (profile.batch_size, MEAN)
    resolve_net(net, fold, record, batch, mean)
    schedule = resolve_solver(solver, net, record, profile, adapting)
    solver.net = str(fold / "train_val.prototxt")
    solver.test_iter[:] = [record.val_cells]
    solver.snapshot_prefix = str(fold / "snapshots" / PREFIX)
    share_batch(net, gpus)
    deploy = files["deploy"].read_text(encoding="utf-8")
    if len(outputs_of(run)) != outputs:
        set_outputs(net, run)
        set_outputs(written.deploy, run)
        deploy = write_prototxt(written.deploy)
    # Caffe seeds its fillers, its mirrors and its crops by it: the same seed, the same weights
    solver.random_seed = run.seed
    solver.solver_mode = caffe_pb2().SolverParameter.GPU if gpus else caffe_pb2().SolverParameter.CPU
    texts = {"train_val": write_prototxt(net), "solver": write_prototxt(solver), "deploy": deploy}
    for name, text in texts.items():
        source = files[name].relative_to(ROOT)
        write_text(fold / f"{name}.prototxt", NOTE.format(source=source) + text)
    return schedule


def deploy_net(run: RunRecord) -> Message:
    """The hand-written deploy net of a run, with one output for each of its classes."""
    net = read_prototxt(training_prototxt(run.classes)["deploy"], "NetParameter")
    set_outputs(net, run)
    return net


def set_outputs(net: Message, run: RunRecord) -> None:
    """One output for each class of a run; a hand-written net has them already if its classes are not the data's own."""
    last = [layer for layer in net.layer if layer.type == "InnerProduct"][-1]
    last.inner_product_param.num_output = len(outputs_of(run))


def net_shapes(run: RunRecord) -> Shapes:
    """The shapes of the parameters of a run's net, by layer, as Caffe builds it."""
    with prototxt_file(deploy_net(run)) as deploy:
        return probe_net(deploy)["params"]


def recipe_of(classes: int, profile: Profile, weights: Path | None, source: SourceRecord | None = None) -> Recipe:
    """What a fold would be trained with now: equal for all folds of a run.

    The prototxt files count as Caffe reads them, so that a comment changes nothing. `weights` None is Gaussian
    initial values. With `source`, the net of these weights, that net is adapted.
    """
    files = training_prototxt(classes, adapting=source is not None)
    parts: dict = {name: prototxt_digest(files[name], message) for name, message in PROTOTXT.items()}
    own = (profile.batch_size, profile.epochs) if source is None else (profile.adapt_batch, profile.adapt_epochs)
    parts |= dict(zip(("batch_size", "epochs"), own, strict=True))
    found = None
    if weights is not None:
        weights_sha = source.weights_sha if source else sha256_file(weights)
        found = WeightsRecord(path=str(weights), name=weights.name, weights_sha=weights_sha)
    # the weights by their bytes alone: their file may be called anything
    recipe_sha = digest({**parts, "weights": found and found.weights_sha})
    return Recipe(**parts, weights=found, source=source, recipe_sha=recipe_sha)


def recorded(fold: Path) -> Recipe | None:
    """What a fold was trained with, or began to be; None where it was not, or where Caffe was started by hand."""
    model = ModelRecord.read_if_there(fold)
    return model.recipe if model else Recipe.read_if_there(fold)


def difference(first: Recipe, second: Recipe) -> list[str]:
    """The parts in which two recipes differ, each with both sides in few characters."""
    # by the digest first: it covers parts that no line below names
    if first.recipe_sha == second.recipe_sha:
        return []
    lines = []
    for name in (*PROTOTXT, "batch_size", "epochs", "iterations"):
        then, now = getattr(first, name), getattr(second, name)
        if then != now:
            lines.append(f"{name} {str(then)[:8]} and {str(now)[:8]}")
    if first.weights_sha != second.weights_sha:
        lines.append(f"weights {_named(first)} and {_named(second)}")
    return lines or ["other parts"]


def _named(recipe: Recipe) -> str:
    weights = recipe.weights
    return f"{weights.name} {weights.weights_sha[:8]}" if weights else "none (Gaussian)"


def require_same(fold: Path, recipe: Recipe, do: str) -> None:
    """Refuse a fold that was trained, or begun, with anything else."""
    known = recorded(fold)
    if known and (parts := difference(known, recipe)):
        raise UserError(fold, "a fold trained with what is asked for now", f"then and now: {'; '.join(parts)}", do)
