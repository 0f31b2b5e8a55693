#!/usr/bin/env python3
"""Compare runs on the cells that all of them scored: which is right more often, and which has the larger AUC."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.tool import ToolParser, run
from deeppap.io.errors import FieldError, UserError

EPILOG = """\
  tools/compare.py runs/herlev-cell-paper runs/herlev-cell-paper-scratch

The tests are McNemar's exact test and DeLong's. If the cells have groups, both tests keep each group together
(deeppap/stats/compare.py). If a run was adapted (--from of tools/cross_validate.py), a second table shows what adapting
changed. The report of several runs has both tables.
"""


def main() -> None:
    """Read the runs and print the table."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="two or more run folders")
    args = parser.parse_args()
    if len(args.runs) < 2:
        raise FieldError("runs", "two runs or more", "one", "Give the folders of two runs.")
    # imported here so that --help does not wait for them
    from deeppap.report.runs import named
    from deeppap.report.tables.comparison import adapting, comparison
    from deeppap.scoring.results import load_run

    runs = named([load_run(path) for path in args.runs])
    table = comparison(runs)
    if table is None:
        do = "Compare runs of one data set with at least one scored cell in common."
        raise UserError(args.runs[1], f"cells that {args.runs[0]} scored too", "none", do)
    print(table.text())
    if adapted := adapting(runs):
        print(adapted.text())


if __name__ == "__main__":
    run(main)
