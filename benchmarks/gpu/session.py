"""A session on a machine with a GPU: its steps, each alone or after another, into one set of figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError


@dataclass(frozen=True)
class Session:
    """What is measured and of what; the fields are the options of tools/gpu_session.py."""

    out: Path
    gpu: str | None
    data: Path
    weights: Path | None
    gtest: Path | None
    gtest_data: Path | None
    gtest_filter: str
    shards: int
    batches: tuple[int, ...]
    modes: tuple[str, ...]
    iterations: int
    crops_agree: int
    cells: int
    views: int
    profile: str
    folds: str
    limit: float


def run_session(steps: Sequence[str], session: Session) -> Path:
    """Run the steps in the order given, write the figures after each, and return the file that holds them."""
    from benchmarks.gpu.report import markdown
    from common.files import read_json, write_json, write_text

    session.out.mkdir(parents=True, exist_ok=True)
    record = session.out / "figures.json"
    for step in steps:
        figures = STEPS[step](session)
        results = {**(read_json(record, "tools/gpu_session.py") if record.exists() else {}), step: figures}
        write_json(record, results)
        write_text(session.out / "figures.md", markdown(results))
        print(markdown({step: figures}).split("\n", 2)[2])
    return record


def _device(_: Session) -> dict:
    from benchmarks.gpu.device import device_step

    return device_step()


def _gtest(session: Session) -> dict:
    from benchmarks.gpu.gtest import gtest_step

    if not session.gtest or not session.gtest_data:
        raise UserError("--gtest", "the test program and its --gtest-data", "none", "Give both.")
    program, data = session.gtest.resolve(), session.gtest_data.resolve()
    return gtest_step(program, data, session.gtest_filter, session.shards, session.limit)


def _agree(session: Session) -> dict:
    from benchmarks.gpu.agree import agree_step
    from common.caffe_messages import prototxt_folder

    deploy = prototxt_folder(2) / "deploy.prototxt"
    return agree_step(session.out, deploy, _model(session), session.crops_agree, session.gpu)


def _time(session: Session) -> list:
    from benchmarks.gpu.times import time_step

    return time_step(session.out, session.batches, session.iterations, session.gpu, session.modes)


def _score(session: Session) -> dict:
    import numpy as np

    from benchmarks.gpu.score import score_step
    from common.caffe_messages import prototxt_folder
    from data_prep.dataset import open_dataset
    from data_prep.mean_image import write_mean
    from engines.device import gpu_number
    from scoring.score_cells import Counts

    mean = session.out / "flat.binaryproto"
    write_mean(mean, np.full((3, 256, 256), 128, np.float32))
    dataset, deploy = open_dataset(session.data, True), prototxt_folder(2) / "deploy.prototxt"
    counts, gpu = Counts(session.views), gpu_number(session.gpu)
    return score_step(dataset, mean, deploy, _model(session), session.cells, counts, gpu)


def _train(session: Session) -> dict:
    from benchmarks.gpu.train import train_step

    words = ["--data", str(session.data), "--profile", session.profile, "--folds", session.folds, "--allow-partial"]
    words += ["--weights", str(session.weights)] if session.weights else ["--from-scratch"]
    words += ["--gpu", session.gpu] if session.gpu else []
    return train_step(f"gpu_session-{session.profile}", words, session.limit)


def _model(session: Session) -> Path:
    """Source weights completed by seeded values: scores mean nothing, differences and times do."""
    from benchmarks.timing_nets import whole_model
    from training.source_weights import require_weights

    model = session.out / "whole.caffemodel"
    return model if model.exists() else whole_model(require_weights(session.weights), model)


# each imports what it needs itself, so that the tool can name the steps at once
STEPS = {"device": _device, "gtest": _gtest, "agree": _agree, "time": _time, "score": _score, "train": _train}
