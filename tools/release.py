#!/usr/bin/env python3
"""Write a net for use: a run's trained folds with mean, deploy, ONNX graphs, checksums and model cards."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/release.py runs/herlev-field-evening-inner --out herlev-field
  tools/classify.py cell.png --centre 61,48 --release herlev-field

No image and no score of a cell goes into it; the ids of the cells do, in split.json, and checksums of the images, by
which tools/validate.py refuses to judge a net on what it was trained on.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="a folder that cross_validate.py made, all folds scored")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new folder (default: <the run's name>-release)")
    parser.add_argument("--folds", help="the nets of these folds alone, such as 0,2 (default: all)")
    parser.add_argument("--without-onnx", action="store_true", help="Caffe's files alone: needs no make engines")
    return parser.parse_args()


def main() -> None:
    """Write the release and say where it is."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.studies.cross_validate import wanted_folds
    from deeppap.studies.release import release

    resolve("none")
    out = args.out or Path(f"{args.run.resolve().name}-release")
    folds = wanted_folds(args.folds)
    print(f"{release(args.run, out, folds, onnx=not args.without_onnx)} written")


if __name__ == "__main__":
    run(main)
