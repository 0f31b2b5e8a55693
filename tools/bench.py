#!/usr/bin/env python3
"""Measure this machine: building, training and scoring, each ratio in one run; prints a table and writes JSON."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

GROUPS = (
    "startup",
    "build",
    "memory",
    "scoring",
    "engines",
    "training",
    "growth",
    "screening",
    "slide_memory",
    "merge",
)
EPILOG = """\
  tools/bench.py
  tools/bench.py --only scoring engines --rounds 9

Leave the machine alone meanwhile: what else runs is measured too. OpenVINO and ONNX Runtime (make engines), Dask (make
cluster) and PyTorch (requirements-bench.txt) are measured where they are installed; screening needs make slides. The
phantom and everything else it needs is made under --folder.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, metavar="PART", help=", ".join(GROUPS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench"), help="where it works and writes bench.json")
    return parser.parse_args()


def main() -> None:
    """Measure part after part and show all of it."""
    args = arguments()
    from benchmarks.run import run_parts

    print(run_parts(args.folder, args.only, args.rounds))


if __name__ == "__main__":
    run(main)
