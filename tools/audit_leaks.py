#!/usr/bin/env python3
"""Look for leaks: views or cells that a fold trains on and validates on, duplicates inside a data set."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/audit_leaks.py
  tools/audit_leaks.py --fold-folder runs/herlev-cell-paper/fold3
  tools/audit_leaks.py --data data/herlev

Compares by cell, by exact pixels, and by a perceptual hash that small changes do not move. A data set's images are
compared in all eight orientations. Exit status 0: nothing found; 1: something to look at, one line each.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold-folder", help="the fold whose LMDBs are compared (default: data/fold)")
    parser.add_argument("--data", help="a data set instead: its images are compared with each other")
    return parser.parse_args()


def main() -> int:
    """Print every leak and how many there are."""
    args = arguments()
    from data_prep.dataset import open_dataset
    from data_prep.leaks import audit_dataset, audit_fold
    from deeppap.io.errors import printable
    from deeppap.records.current_fold import find_fold

    if args.data:
        where, leaks = args.data, audit_dataset(open_dataset(Path(args.data), allow_partial=True))
    else:
        where = find_fold(args.fold_folder)
        leaks = audit_fold(where)
    for leak in leaks:
        distance = f", {leak.distance} of 256 bits apart" if leak.kind == "near" else ""
        print(printable(f"{leak.kind}: {leak.first} and {leak.second}{distance}"))
    print(f"{where}: {len(leaks) or 'no'} leak(s) found")
    return 1 if leaks else 0


if __name__ == "__main__":
    run(main)
