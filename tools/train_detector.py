#!/usr/bin/env python3
"""Train the nucleus net with `caffe train` on folders of fields whose nuclei are marked; a second call resumes."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.option_types import at_least_one
from deeppap.cli.run import run

EPILOG = """\
  tools/train_detector.py --fields fields/cervix93 --mpp 0.22
  tools/train_detector.py --fields fields/cervix93 fields/cric --mpp 0.22 0.247 --loose cric --out runs/detector

A folder of fields holds images with <stem>.csv (row,col, 1-based, no header), or nuclei.csv (image, nucleus_x,
nucleus_y, 0-based, and bethesda where classes are known), or <stem>_GT.png masks. Each has its pixel size; Cervix93's
is not stated, and 0.22 is what its nuclei look like.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fields", type=Path, nargs="+", required=True, help="folders of fields")
    parser.add_argument("--mpp", type=float, nargs="+", required=True, help="micrometres a pixel, one or one a folder")
    parser.add_argument("--loose", nargs="+", default=[], metavar="NAME", help="folders whose marks leave nuclei out")
    parser.add_argument("--out", type=Path, default=Path("runs/detector"), help="folder (default: runs/detector)")
    parser.add_argument(
        "--crops", type=at_least_one("--crops"), default=16000, help="training crops to cut (default: 16000)"
    )
    parser.add_argument(
        "--iterations", type=at_least_one("--iterations"), help="of the solver (default: solver.prototxt's)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of crops and net (default: 1)")
    return parser.parse_args()


def main() -> None:
    """Train the net and name its weights."""
    args = arguments()
    from deeppap.screening.nuclei.field_sets import open_sets
    from deeppap.screening.nuclei.train_fcn import TrainRequest, train_fcn

    sets = open_sets(args.fields, args.mpp, args.loose)
    weights = train_fcn(args.out, TrainRequest(sets, args.crops, args.iterations, args.seed))
    print(f"trained: {weights}")
    print(f"Next: tools/evaluate_detector.py --detector fcn --weights {weights} --fields ... --mpp ...")


if __name__ == "__main__":
    run(main)
