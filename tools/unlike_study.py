#!/usr/bin/env python3
"""What a fold's net marks as unlike its training cells: its test cells, the same changed, noise, another set."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/unlike_study.py --net runs/herlev-cell-quick/fold0
  tools/unlike_study.py --net runs/herlev-cell-quick/fold0 --fields FIELDS/cric/nuclei.csv --mpp 0.247

Prints, for each kind of cells, the share marked and the area under the curve that tells it from the fold's own test
cells. Needs the fold's images. On the CPU, by Caffe.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", help="the fold's folder (default: data/fold)")
    parser.add_argument("--fields", type=Path, help="a manifest of another data set")
    parser.add_argument("--mpp", type=float, help="side of its pixels in um: resampled to the training set's")
    parser.add_argument("--cells", type=int, default=100, help="cells of each kind at most (default: 100)")
    parser.add_argument("--views", type=int, default=3, help="views of each cell (default: 3)")
    parser.add_argument("--layer", default="conv3", help="the layer that tells (default: conv3)")
    return parser.parse_args()


def main() -> None:
    """Score every kind and print the table."""
    args = arguments()
    from deeppap.records.current_fold import find_fold
    from deeppap.scoring.trained_model import TrainedModel
    from deeppap.studies.unlike import UnlikeOptions, unlike_study, unlike_table

    options = UnlikeOptions(args.fields, args.mpp, args.cells, args.views, args.layer)
    print(unlike_table(unlike_study(TrainedModel.open(find_fold(args.net)), options), options).text())


if __name__ == "__main__":
    run(main)
