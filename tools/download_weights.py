#!/usr/bin/env python3
"""Fetch bvlc_reference_caffenet.caffemodel, verify its sha1, and keep it in models/; safe to repeat."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/download_weights.py

Any other address will do, for the sha1 decides.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", action="append", default=[], help="an address to try first; may be repeated")
    parser.add_argument("--out", type=Path, help="where to put it (default: models/bvlc_reference_caffenet/)")
    return parser.parse_args()


def main() -> None:
    """Download and say where it is."""
    args = arguments()
    from deeppap.io.pinned import MODEL, facts
    from deeppap.training.download import download

    known = facts()
    target = args.out or MODEL / known["caffemodel"]
    print(download(target, [*args.url, known["caffemodel_url"]], known["sha1"]))


if __name__ == "__main__":
    run(main)
