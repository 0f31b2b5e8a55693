#!/usr/bin/env python3
"""External validation: score a labelled set that the net has never seen, and write the same report on it."""

import argparse
from itertools import islice
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.option_types import at_least_one, plain_name
from deeppap.cli.options import add_device_options, add_engine_options
from deeppap.cli.run import run

EPILOG = """\
  tools/validate.py mine/cells.csv --fold-folder runs/herlev-cell-paper/fold0
  tools/validate.py fields/nuclei.csv --mpp 0.247 --fold-folder RUN/fold0 --fold-folder RUN/fold1

The set is a manifest CSV (docs/own_cells.md); its labels may be Bethesda classes (column bethesda; NILM is normal).
A set that shares an image with the training data is refused. Several folds of one training are averaged.
Written: runs/<set>-external-<run>-<folds>/ with its scores, their record scores.json, and report/report.html; other
counts, another engine or --mpp stand in the folder's name.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("manifest", type=Path, help="the labelled cells")
    parser.add_argument("--fold-folder", action="append", type=Path, help="a trained fold; may be repeated")
    parser.add_argument("--mpp", type=float, help="side of a pixel in um: resampled to the training set's")
    parser.add_argument("--views", type=int, help="test views of each cell (default: the profile's)")
    parser.add_argument("--crops", type=int, choices=range(1, 11), metavar="1..10", help="crops of each view")
    parser.add_argument(
        "--run", type=plain_name("--run"), help="name of a folder in runs/ (default: from the set and the nets)"
    )
    add_device_options(parser)
    add_engine_options(parser)
    parser.add_argument("--batch", type=at_least_one("--batch"), help="crops the net takes at once")
    return parser.parse_args()


def main() -> None:
    """Score, write the report, print the first table."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.records.current_fold import find_fold
    from deeppap.report.report import default_out, write_report
    from deeppap.report.tables.all_tables import tables_of
    from deeppap.scoring.results import load_run
    from deeppap.studies.external import ExternalOptions, validate

    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    print(device.describe())
    folders = [find_fold(given) for given in args.fold_folder or [None]]
    options = ExternalOptions(args.views, args.crops, args.mpp, device, args.batch, args.run)
    result = load_run(validate(args.manifest, folders, options))
    for table in islice(tables_of([result]), 2):
        print(table.text())
    print(f"report: {write_report([result], default_out([result]), progress=True)}")


if __name__ == "__main__":
    run(main)
