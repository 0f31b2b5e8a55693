#!/usr/bin/env python3
"""Keep what a run's figures are made of in results/: scores, records, nets as prototxt, logs; no image, no weights."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/keep_results.py runs/herlev-cell-evening
  make results

At most 5 MB a run. tools/report.py makes the run's report from it again, but for figures that need pictures.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="a folder that cross_validate.py or validate.py made")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: results/<the run's name>")
    return parser.parse_args()


def main() -> None:
    """Copy, and say where it is."""
    args = arguments()
    from deeppap.studies.keep_results import keep_results

    print(f"{keep_results(args.run, args.out or Path('results') / args.run.resolve().name)} written")


if __name__ == "__main__":
    run(main)
