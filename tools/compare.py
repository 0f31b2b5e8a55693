#!/usr/bin/env python3
"""Compare two or more runs on the cells that both have scored: who is right more often, whose AUC is larger."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run
from deeppap.io.errors import UserError

EPILOG = """\
  tools/compare.py runs/herlev-cell-paper runs/herlev-cell-paper-scratch

McNemar's exact test and DeLong's; where the cells have groups, both keep whole groups together (measures/compare.py).
The same table is in the report of several runs.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="two or more run folders")
    return parser.parse_args()


def main() -> None:
    """Read the runs and print the table."""
    args = arguments()
    if len(args.runs) < 2:
        raise UserError("arguments", "two runs or more", "one", "Name the folders of two runs.")
    from deeppap.report.tables.comparison import comparison_table
    from deeppap.scoring.results import load_run

    table = comparison_table([load_run(path) for path in args.runs])
    if table is None:
        do = "Compare runs of one data set with at least one scored cell in common."
        raise UserError(args.runs[1], f"cells that {args.runs[0]} has scored too", "none", do)
    print(table.text())


if __name__ == "__main__":
    run(main)
