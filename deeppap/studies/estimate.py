"""How much work the folds of a study are, and how long it takes here: printed before it starts."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from data_prep.cells import Dataset
from data_prep.fold_data import is_built, need_bytes, sources, views_in
from data_prep.profiles import Profile, batch_and_epochs
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import Message, prototxt_folder, read_prototxt, training_prototxt
from deeppap.io.files import human
from deeppap.records import ModelRecord, RunRecord, SplitRecord
from deeppap.scoring.ood import FILE as REFERENCE
from deeppap.scoring.ood import VIEWS as OOD_VIEWS
from deeppap.training.blend import SHARES, VIEWS
from deeppap.training.run_caffe import LOGGING, caffe_program
from deeppap.training.snapshots import list_snapshots

# what a training step costs in forward passes of its batch: CPU time of pycaffe's Solver.step over that of Net.forward.
# A layer with lr_mult 0 has no backward pass, and where no convolution learns, those above are small
WHOLE_STEP, SHORT_STEP = 2.6, 1.1
ITERATIONS = 3  # forward passes that are timed: seconds


class Prepared(NamedTuple):
    """A run's data set, split, record and profile."""

    dataset: Dataset
    split: SplitRecord
    run: RunRecord
    profile: Profile


@dataclass(frozen=True)
class Work:
    """One fold in numbers: views and bytes to build, images to train on, and images to validate and to score.

    `step` is what a training step costs in forward passes.
    """

    views: int
    bytes: int
    train: int
    forward: int
    step: float = WHOLE_STEP


def work(ready: Prepared, fold: int, adapting: bool, folder: Path) -> Work:
    """The work of one fold, which follows from its cells and its profile, less what its folder has already."""
    profile = ready.profile
    train, validation = sources(ready.dataset, ready.split, fold, ready.run, profile)
    views = views_in(train)
    # Caffe tests the net once per epoch; an epoch's last batch is filled up
    batch, tests = batch_and_epochs(profile, ready.run.classes, adapting)
    iterations = -(-views // batch) * tests
    inner = len(validation.cells) if ready.run.select == "inner" else 0
    # the inner cells choose the thresholds for use
    scored = (len(ready.split.folds[fold]) + inner) * profile.test_views * profile.crops
    # the cells that the out-of-distribution check is fitted on are seen by one crop
    fitted = (len(train.cells) + inner) * min(OOD_VIEWS, profile.test_views)
    if (folder / ModelRecord.FILE).exists():
        return Work(0, 0, 0, scored + (0 if (folder / REFERENCE).exists() else fitted))
    done = next((one.iteration for one in list_snapshots(folder / "snapshots") if one.state.exists()), 0)
    # Caffe validates once before the first iteration, also of a resumed training
    validated = views_in(validation) * (1 + (iterations - done) * tests // iterations)
    # the inner cells choose between the source, the adapted weights and their means
    chosen = adapting * (1 + len(SHARES)) * inner * min(profile.validation_views, VIEWS)
    built = is_built(folder)
    return Work(
        views=0 if built else views + views_in(validation),
        bytes=0 if built else need_bytes(train, validation),
        train=(iterations - done) * batch,
        forward=validated + scored + fitted + chosen,
        step=step_cost(read_prototxt(training_prototxt(ready.run.classes, adapting)["train_val"], "NetParameter")),
    )


def source_work(ready: Prepared, fold: int) -> Work:
    """The work of scoring a fold's test cells with the source as it was before adapting."""
    return Work(0, 0, 0, len(ready.split.folds[fold]) * ready.profile.test_views * ready.profile.crops)


def step_cost(net: Message) -> float:
    """What a training step of a net costs in forward passes."""
    convolutions = [layer for layer in net.layer if layer.type == "Convolution"]
    # a layer that states no rate learns
    learns = any(not layer.param or any(blob.lr_mult for blob in layer.param) for layer in convolutions)
    return WHOLE_STEP if learns else SHORT_STEP


def estimate(what: str, parts: Sequence[Work], classes: int, device: Device) -> str:
    """One line: how many images `parts` are, how much disk one needs, and hours at the rate measured here."""
    train, forward = sum(part.train for part in parts), sum(part.forward for part in parts)
    time = "an unknown time"
    if rate := forward_rate(prototxt_folder(classes) / "deploy.prototxt", device):
        seconds = (sum(part.step * part.train for part in parts) + forward) / rate
        time = f"about {timedelta(seconds=round(seconds))} at the {rate:.0f} forward images/s measured now"
    disk, free = human(max(part.bytes for part in parts)), human(shutil.disk_usage(Path.cwd()).free)
    return (
        f"{what} to do: {sum(part.views for part in parts):,} training and validation views to render, "
        f"{train:,} images to train on, {forward:,} to score; {disk} of disk at a time ({free} free); {time}"
    )


def forward_rate(deploy: Path, device: Device) -> float | None:
    """Images per second of a net's forward pass, timed by `caffe time`; None if Caffe cannot run the net."""
    command = [caffe_program(), "time", "-model", str(deploy), "-iterations", str(ITERATIONS), *device.arguments]
    # measured, not computed: nobody can tell a machine's rate from its name
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **LOGGING})
    found = re.search(r"Average Forward pass: ([\d.]+) ms", done.stderr)
    # the first dim of deploy.prototxt is the batch that `caffe time` runs
    batch = re.search(r"dim: (\d+)", deploy.read_text(encoding="utf-8"))
    return int(batch[1]) / float(found[1]) * 1000 if found and batch and not done.returncode else None
