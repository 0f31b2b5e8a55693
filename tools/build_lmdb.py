#!/usr/bin/env python3
"""Build one fold's train_lmdb, val_lmdb and mean.binaryproto, and make them the ones the prototxt reads."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.options import DATA_HELP, add_run_options, requested
from deeppap.cli.run import run

EPILOG = f"""\
  tools/build_lmdb.py --fold 3
  tools/build_lmdb.py --fold 0 --data my_cells.csv --profile quick

{DATA_HELP}
Everything is written to runs/<run>/fold<K>/; the link data/fold then points there. A second call keeps what is whole.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold", type=int, required=True, help="fold to hold out, 0 to 4")
    add_run_options(parser, profile="paper")
    return parser.parse_args()


def main() -> None:
    """Build the fold and point data/fold at it."""
    args = arguments()
    from data_prep.prepare import prepare_fold
    from deeppap.records.current_fold import make_current

    fold, line = prepare_fold(requested(args), args.fold, args.workers, args.run)
    make_current(fold)
    print(line)
    print("data/fold points there. Next: tools/train.py, or caffe train -solver prototxt/solver.prototxt -weights ...")


if __name__ == "__main__":
    run(main)
