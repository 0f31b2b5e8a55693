#!/usr/bin/env python3
"""Draw a phantom: cells in the shape of Herlev (or of HEMLBC, with --manifest), for trying and testing."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from common.cli import run

EPILOG = """\
  tools/make_phantom.py data/phantom               917 cells in Herlev's seven class folders
  tools/make_phantom.py data/small --cells 60
  tools/make_phantom.py data/hemlbc --manifest     1,978 cells and cells.csv

It is a drawing: no figure obtained from it is a result. An existing folder is not touched.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--cells", type=int, help="how many cells (default: as many as the real set)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes (default: 1)")
    parser.add_argument("--manifest", action="store_true", help="HEMLBC's shape: images/ and cells.csv, no masks")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    return parser.parse_args()


def main() -> None:
    """Draw the set and say what is in it."""
    args = arguments()
    from data_prep.herlev_classes import CLASSES
    from data_prep.phantom.draw_set import make_phantom, make_phantom_manifest

    if args.manifest:
        print(make_phantom_manifest(args.out, args.cells, args.seed, args.workers))
        return
    counts = make_phantom(args.out, args.cells, args.seed, args.workers)
    for entry, count in zip(CLASSES, counts, strict=True):
        print(f"{count:5d}  {entry.folder}")
    print(f"{sum(counts):5d}  cells in {args.out}")


if __name__ == "__main__":
    run(main)
