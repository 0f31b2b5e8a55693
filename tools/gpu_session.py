#!/usr/bin/env python3
"""Measure Caffe on a GPU, step by step: figures into JSON and markdown."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from benchmarks.gpu.session import STEPS, Session, run_session
from common.cli import run

EPILOG = """\
Each step can be run alone and ends within --limit seconds; a later one adds to the same figures.
  device  the card and the versions               time   forward and backward, by batch, native, cuDNN and TF32
  gtest   Caffe's own tests                       score  seconds a cell, beside a bare loop of the net
  agree   probabilities of CPU and GPU            train  folds of a profile; a second call goes on

  tools/gpu_session.py device time --batches 1,256,1000
  tools/gpu_session.py --gpu none device agree time score --batches 1,2 --cells 1 --views 2 --crops-agree 4
"""


def words(text: str) -> tuple[str, ...]:
    """The words of "a,b"."""
    return tuple(text.split(","))


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers of "1,10"; its name stands in the error."""
    return tuple(int(word) for word in words(text))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("steps", nargs="+", choices=STEPS, metavar="step", help=", ".join(STEPS))
    parser.add_argument("--out", type=Path, default=Path("runs/gpu_session"), help="folder of the figures")
    parser.add_argument("--gpu", help="number, or none: a rehearsal on the CPU (default: the first one)")
    parser.add_argument("--data", type=Path, default=Path("data/herlev"), help="the Herlev set (default: data/herlev)")
    parser.add_argument("--weights", type=Path, help="source .caffemodel with conv1 to conv5 of CaffeNet")
    parser.add_argument("--gtest", type=Path, help="Caffe's test program, test.testbin")
    parser.add_argument("--gtest-data", type=Path, help="folder it runs in, the root of Caffe's source")
    parser.add_argument("--gtest-filter", default="*", help="which tests (default: all)")
    parser.add_argument("--shards", type=int, default=40, help="test processes, four at a time (default: 40)")
    parser.add_argument("--batches", type=numbers, default="1,10,50,100,256,500,1000", help="batches to time")
    parser.add_argument("--modes", type=words, default="native,cuDNN,cuDNN TF32", help="what to time")
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
    from engines.device import resolve

    resolve(args.gpu)
    record = run_session(args.steps, Session(**{name: value for name, value in vars(args).items() if name != "steps"}))
    print(f"figures: {record} and {record.with_suffix('.md')}")


if __name__ == "__main__":
    run(main)
