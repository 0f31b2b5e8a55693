#!/usr/bin/env python3
"""Measure Caffe on a GPU, step by step: figures into JSON and markdown."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from common.cli import run
from common.errors import UserError

STEPS = ("device", "gtest", "agree", "time", "score", "train")
EPILOG = """\
Each step can be run alone and ends within --limit seconds; a later one adds to the same figures.
  device  the card and the versions               time   forward and backward, by batch, native, cuDNN and TF32
  gtest   Caffe's own tests                       score  seconds a cell, beside a bare loop of the net
  agree   probabilities of CPU and GPU            train  folds of a profile; a second call goes on

  tools/gpu_session.py device time --batches 1,256,1000
  tools/gpu_session.py --gpu none device agree time score --batches 1,2 --cells 1 --views 2 --crops-agree 4
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=STEPS, metavar="step", help=", ".join(STEPS))
    parser.add_argument("--out", type=Path, default=Path("runs/gpu_session"), help="folder of the figures")
    parser.add_argument("--gpu", help="number, or none: a rehearsal on the CPU (default: the first one)")
    parser.add_argument("--data", default="data/herlev", help="the Herlev set (default: data/herlev)")
    parser.add_argument("--weights", type=Path, help="source .caffemodel with conv1 to conv5 of CaffeNet")
    parser.add_argument("--gtest", type=Path, help="Caffe's test program, test.testbin")
    parser.add_argument("--gtest-data", type=Path, help="folder it runs in, the root of Caffe's source")
    parser.add_argument("--gtest-filter", default="*", help="which tests (default: all)")
    parser.add_argument("--shards", type=int, default=40, help="test processes, four at a time (default: 40)")
    parser.add_argument("--batches", default="1,10,50,100,256,500,1000", help="batches to time")
    parser.add_argument("--modes", default="native,cuDNN,cuDNN TF32", help="what to time")
    parser.add_argument("--iterations", type=int, default=20, help="of each timing (default: 20)")
    parser.add_argument("--crops-agree", type=int, default=1000, help="crops that CPU and GPU both score")
    parser.add_argument("--cells", type=int, default=50, help="cells to score for their time (default: 50)")
    parser.add_argument("--views", type=int, default=100, help="views of each (default: 100)")
    parser.add_argument("--profile", default="paper", help="to train (default: paper)")
    parser.add_argument("--folds", default="0", help="to train (default: 0)")
    parser.add_argument("--limit", type=float, default=540, help="seconds for gtest and for train (default: 540)")
    return parser.parse_args()


def main() -> None:
    """Run the steps in the order given and write the figures after each."""
    args = arguments()
    from benchmarks.gpu.report import markdown
    from common.files import read_json, write_json, write_text
    from engines.device import settle

    settle(args.gpu)
    args.out.mkdir(parents=True, exist_ok=True)
    record = args.out / "figures.json"
    for step in args.steps:
        figures = _measure(step, args)
        results = {**(read_json(record, "tools/gpu_session.py") if record.exists() else {}), step: figures}
        write_json(record, results)
        write_text(args.out / "figures.md", markdown(results))
        print(markdown({step: figures}).split("\n", 2)[2])
    print(f"figures: {record} and {args.out / 'figures.md'}")


def _measure(step: str, args: argparse.Namespace) -> dict | list:
    from benchmarks.gpu import steps as gpu_steps

    if step == "device":
        return gpu_steps.device_step(args.gpu)
    if step == "gtest":
        if not args.gtest or not args.gtest_data:
            raise UserError("--gtest", "the test program and its --gtest-data", "none", "Give both.")
        data = args.gtest_data.resolve()
        return gpu_steps.gtest_step(args.gtest.resolve(), data, args.gtest_filter, args.shards, args.limit)
    if step == "time":
        batches = [int(batch) for batch in args.batches.split(",")]
        return gpu_steps.time_step(args.out, batches, args.iterations, args.gpu, args.modes.split(","))
    return {"agree": _agree, "score": _score, "train": _train}[step](args)


def _agree(args: argparse.Namespace) -> dict:
    from benchmarks.gpu.steps import agree_step
    from common.caffe_messages import prototxt_folder

    return agree_step(args.out, prototxt_folder(2) / "deploy.prototxt", _model(args), args.crops_agree, args.gpu)


def _score(args: argparse.Namespace) -> dict:
    import numpy as np

    from benchmarks.gpu.score import score_step
    from common.caffe_messages import prototxt_folder
    from data_prep.dataset import open_dataset
    from data_prep.mean_image import write_mean
    from engines.device import gpu_number
    from scoring.score_cells import Counts

    mean = args.out / "flat.binaryproto"
    write_mean(mean, np.full((3, 256, 256), 128, np.float32))
    dataset, deploy = open_dataset(Path(args.data), True), prototxt_folder(2) / "deploy.prototxt"
    return score_step(dataset, mean, deploy, _model(args), args.cells, Counts(args.views), gpu_number(args.gpu))


def _train(args: argparse.Namespace) -> dict:
    from benchmarks.gpu.train import train_step

    words = ["--data", args.data, "--profile", args.profile, "--folds", args.folds, "--allow-partial"]
    words += ["--weights", str(args.weights)] if args.weights else ["--from-scratch"]
    words += ["--gpu", args.gpu] if args.gpu else []
    return train_step(f"gpu_session-{args.profile}", words, args.limit)


def _model(args: argparse.Namespace) -> Path:
    """Source weights completed by seeded values: scores mean nothing, differences and times do."""
    from benchmarks.timing_nets import whole_model
    from training.source_weights import require_weights

    model = args.out / "whole.caffemodel"
    return model if model.exists() else whole_model(require_weights(args.weights), model)


if __name__ == "__main__":
    run(main)
