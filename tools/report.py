#!/usr/bin/env python3
"""Write the report of one or several runs: report.html with tables/ and figures/ beside it."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/report.py runs/herlev-cell-paper
  tools/report.py runs/herlev-cell-paper runs/herlev-field-paper-inner

cross_validate.py writes the report of its own run by itself; several runs stand side by side.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a folder that cross_validate.py made")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="default: RUN/report; several: report-A-B beside the first"
    )
    return parser.parse_args()


def main() -> None:
    """Read the runs, write the report, print where it is."""
    args = arguments()
    from deeppap.report.report import default_out, write_report
    from deeppap.scoring.results import load_run

    runs = [load_run(path) for path in args.runs]
    page = write_report(runs, args.out or default_out(runs), progress=True)
    print(f"report: {page}")


if __name__ == "__main__":
    run(main)
