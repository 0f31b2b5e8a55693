#!/usr/bin/env python3
"""Score a fold's test cells with its trained model: views x crops, averaged; scores.csv and measures."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.option_types import at_least_one
from deeppap.cli.options import add_device_options, add_engine_options
from deeppap.cli.run import run

EPILOG = """\
  tools/evaluate.py
  tools/evaluate.py --views 1
  tools/evaluate.py --fold-folder runs/herlev-cell-paper/fold3 --shift 10

Counts come from the run's profile (paper: 100 views x 10 crops); --views and --crops reduce them.
Written into the fold's folder: scores.csv with scores.json, view_scores.csv, net_figures.npz,
unlike.csv with known_cells.npz (docs/unlike.md), why.npz (docs/why.md).
Other counts, another --model or --force get names of their own, such as scores-views1-crops10.csv: the report and
cross_validate.py read only the run's own scores.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold-folder", help="the fold's folder (default: data/fold)")
    parser.add_argument("--views", type=int, help="test views of each cell, at most 100")
    parser.add_argument("--crops", type=int, choices=range(1, 11), metavar="1..10", help="crops of each view")
    parser.add_argument("--shift", type=int, default=0, help="move true centres by up to so many pixels (paper: 5, 10)")
    parser.add_argument("--model", type=Path, help="another .caffemodel than the selected one")
    add_device_options(parser)
    add_engine_options(parser)
    parser.add_argument("--batch", type=at_least_one("--batch"), help="crops the net takes at once")
    parser.add_argument("--force", action="store_true", help="go on where parts do not belong together, and say which")
    return parser.parse_args()


def main() -> None:
    """Score the fold and print the measures and the table of classes."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.records.current_fold import find_fold
    from deeppap.report.terminal import summary
    from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
    from deeppap.scoring.trained_model import TrainedModel

    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    print(device.describe())
    model = TrainedModel.open(find_fold(args.fold_folder), args.model, args.force)
    options = EvaluateOptions(args.views, args.crops, args.shift, args.batch, args.force)
    scores = evaluate_fold(model, device, options)
    print(summary(model.run, scores))
    if model.doubt:
        print(f"!! {model.doubt} !!")


if __name__ == "__main__":
    run(main)
