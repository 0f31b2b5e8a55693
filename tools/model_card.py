#!/usr/bin/env python3
"""Write the model card of one trained fold: models/<name>/readme.md. The weights stay where they are."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/model_card.py runs/herlev-cell-paper --fold 3

The card's front matter is what Caffe's scripts/download_model_binary.py reads. An older card is replaced, any other
readme is not.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="a folder that cross_validate.py made")
    parser.add_argument("--fold", type=int, help="whose weights, counted from 0 (default: the first with scores)")
    parser.add_argument("--name", help="the card's folder in models/ (default: from the run and the fold)")
    return parser.parse_args()


def main() -> None:
    """Write the card and say where it is."""
    args = arguments()
    from deeppap.report.model_card import write_card
    from deeppap.scoring.results import load_run

    print(f"card: {write_card(load_run(args.run), args.fold, args.name)}")


if __name__ == "__main__":
    run(main)
