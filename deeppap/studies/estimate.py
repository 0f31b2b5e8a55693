"""How long, how much disk and how many images a cross-validation takes, said before it starts."""

import re
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from data_prep.cells import Dataset
from data_prep.fold_data import need_bytes, sources, views_in
from data_prep.profiles import Profile
from data_prep.written_counts import adapting_counts, batch_and_epochs
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import prototxt_folder
from deeppap.io.files import human
from deeppap.records import RunRecord, SplitRecord
from deeppap.training.caffe_time import caffe_time

BACKWARD = 3  # a training step costs about three forward passes


def forward_rate(deploy: Path, gpu: list[str]) -> float | None:
    """Images a second of a forward pass, timed by `caffe time` in a few seconds; None where that fails."""
    batch = re.search(r"dim: (\d+)", deploy.read_text(encoding="utf-8"))
    try:
        milliseconds, _ = caffe_time(deploy, 3, gpu)
    except RuntimeError:
        return None
    return int(batch[1]) / milliseconds * 1000 if batch else None


def work(
    dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord, profile: Profile, adapting: bool = False
) -> dict[str, int]:
    """One fold in numbers: views and bytes to build, images to train on, to validate and to score."""
    train, validation = sources(dataset, split, fold, run, profile)
    views = views_in(train)
    if adapting:
        batch, iterations, tests = adapting_counts(profile)
    else:
        batch, tests = batch_and_epochs(profile, run.classes)
        iterations = -(-views // batch) * tests
    return {
        "views": views + views_in(validation),
        "bytes": need_bytes(train, validation),
        "train": iterations * batch,
        "forward": views_in(validation) * (tests + 1) + len(split.folds[fold]) * profile.test_views * profile.crops,
    }


def estimate(
    dataset: Dataset,
    split: SplitRecord,
    folds: Sequence[int],
    run: RunRecord,
    profile: Profile,
    device: Device,
    adapting: bool = False,
) -> str:
    """One line: images, disk at a time, and hours at this machine's measured rate."""
    parts = [work(dataset, split, fold, run, profile, adapting) for fold in folds]
    return in_words(f"{len(folds)} fold(s)", parts, run.classes, device)


def in_words(what: str, parts: Sequence[dict[str, int]], classes: int, device: Device) -> str:
    """The line for `what` is to do, made of `parts` in the numbers of `work`, one after another."""
    total = {key: sum(part[key] for part in parts) for key in parts[0]}
    rate = forward_rate(prototxt_folder(classes) / "deploy.prototxt", device.arguments)
    time = "an unknown time"
    if rate:
        seconds = (BACKWARD * total["train"] + total["forward"]) / rate
        time = f"about {timedelta(seconds=round(seconds))} at the {rate:.0f} forward images/s measured now"
    free = human(shutil.disk_usage(Path.cwd()).free)
    disk = f"{human(max(part['bytes'] for part in parts))} of disk at a time ({free} free)"
    return (
        f"{what} to do: {total['views']:,} views to render, {total['train']:,} images to train on, "
        f"{total['forward']:,} to score; {disk}; {time}"
    )
