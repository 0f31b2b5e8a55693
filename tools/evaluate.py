#!/usr/bin/env python3
"""Score a fold's test cells with its trained model: views x crops, averaged; scores.csv and measures."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from common.cli import run

EPILOG = """\
Counts come from the run's profile (paper: 100 views x 10 crops); --views and --crops reduce them.
Written into the fold's folder: scores.csv, view_scores.csv, evaluation.json, net_figures.npz.

  tools/evaluate.py
  tools/evaluate.py --views 1
  tools/evaluate.py --fold-folder runs/herlev-cell-paper/fold3 --shift 10
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold-folder", help="the fold's folder (default: data/fold)")
    parser.add_argument("--views", type=int, help="test views of each cell, at most 100")
    parser.add_argument("--crops", type=int, choices=range(1, 11), metavar="1..10", help="crops of each view")
    parser.add_argument("--shift", type=int, default=0, help="move true centres by up to so many pixels (paper: 5, 10)")
    parser.add_argument("--model", type=Path, help="another .caffemodel than the selected one")
    parser.add_argument("--gpu", help="number, or none (default: the first one, where Caffe was built for it)")
    parser.add_argument("--tf32", action="store_true", help="let the GPU round to TF32: faster, not float32")
    parser.add_argument("--batch", type=int, help="crops the net takes at once")
    parser.add_argument("--force", action="store_true", help="go on where parts do not belong together, and say which")
    return parser.parse_args()


def main() -> None:
    """Score the fold and print the measures and the table of classes."""
    args = arguments()
    from common.run_folder import find_fold
    from engines.device import describe, settle
    from reporting.terminal import summary
    from scoring.evaluate_fold import evaluate_fold
    from scoring.open_fold import EvaluateOptions

    settle(args.gpu, args.tf32)
    print(describe(args.gpu))
    fold = find_fold(args.fold_folder)
    options = EvaluateOptions(**{k: v for k, v in vars(args).items() if k not in ("fold_folder", "tf32")})
    scores = evaluate_fold(fold, options)
    print(summary(fold, scores))
    print(f"{fold / ('scores.csv' if not args.shift else f'scores_shift{args.shift}.csv')} written")


if __name__ == "__main__":
    run(main)
