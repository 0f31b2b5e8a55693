#!/usr/bin/env python3
"""How many cells must be labelled: train on ever larger parts of a set, from CaffeNet and from a trained net."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.option_types import at_least_one
from deeppap.cli.options import (
    DATA_HELP,
    WEIGHTS_HELP,
    add_compared_options,
    add_device_options,
    add_work_options,
    requested,
)
from deeppap.cli.run import run

EPILOG = f"""\
  tools/learning_curve.py --data my_cells/cells.csv --protocol field --from runs/herlev-cell-paper/fold0

One fold is held out; of the other cells nested random parts, whole groups of them, train a net from CaffeNet and adapt
the one given, for each seed. Table and figure lie in curve/ of the run's folder. A second call does the points that are
missing; each is a run folder that tools/report.py reads. The last snapshot counts, so that no test cell chooses.
--weights and --from-scratch are those of the nets from CaffeNet.
{WEIGHTS_HELP}\
{DATA_HELP}"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", help="data set (see below)")
    add_compared_options(parser)
    parser.add_argument("--profile", default="quick", help="counts of views, see profiles.toml (default: quick)")
    parser.add_argument("--protocol", default="cell", help="cell, or field: no group in two folds")
    parser.add_argument("--fold", type=int, default=0, help="the one held out (default: 0)")
    parser.add_argument("--shares", default="12,25,50,100", help="percent of the groups (default: 12,25,50,100)")
    parser.add_argument(
        "--seeds",
        type=at_least_one("--seeds"),
        default=3,
        help="random parts, and trainings, of each size (default: 3)",
    )
    parser.add_argument("--allow-partial", action="store_true", help="accept a subset of Herlev")
    add_work_options(parser)
    add_device_options(parser)
    return parser.parse_args()


def main() -> None:
    """Do all points that are missing, write table and figure, print the table."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.report.learning_curve import read_curve, write_curve
    from deeppap.studies.learning_curve import BEFORE, CurveOptions, learning_curve, percents
    from deeppap.training.source import compared

    device = resolve(args.gpu, args.tf32)
    print(device.describe())
    weights, source = compared(args)
    how = {"device": device, "workers": args.workers, "name": args.run}
    options = CurveOptions(weights, source, args.fold, percents(args.shares), args.seeds, **how)
    home = learning_curve(requested(args), options)
    table, figure = write_curve(read_curve(home, BEFORE), home / "curve")
    print(table.text())
    print(f"figure: {figure}")


if __name__ == "__main__":
    run(main)
