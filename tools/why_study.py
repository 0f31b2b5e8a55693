#!/usr/bin/env python3
"""How steady the heat of "where the score comes from" is, and how much of it lies inside hand-drawn nuclei."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/why_study.py --net runs/herlev-cell-quick/fold0

Of a fold's own test cells, which must have masks: two halves of each cell's views are compared with each other, and
the evidence for the cell's own class inside the mask's nucleus is counted. Covering parts of the cell, the other
way to ask, takes some hundred times the passes: it is tried on the first --cover cells. On the CPU, by Caffe.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", help="the fold's folder (default: data/fold)")
    parser.add_argument("--cells", type=int, default=60, help="test cells at most (default: 60)")
    parser.add_argument("--views", type=int, default=10, help="views of each, in two halves (default: 10)")
    parser.add_argument("--cover", type=int, default=6, help="cells that are covered too (default: 6)")
    return parser.parse_args()


def main() -> None:
    """Ask of every cell and print the table."""
    args = arguments()
    from pathlib import Path

    from data_prep.dataset import open_dataset
    from deeppap.records.current_fold import find_fold
    from deeppap.scoring.evaluate_fold import held_out_cells
    from deeppap.scoring.refusal import Refusal
    from deeppap.scoring.trained_model import TrainedModel
    from deeppap.studies.unlike import some
    from deeppap.studies.why import why_study, why_table

    model = TrainedModel.open(find_fold(args.net))
    cells = some(held_out_cells(model, Refusal(False, print)), args.cells)
    dataset = open_dataset(Path(model.run.dataset.path), model.run.allow_partial)
    print(why_table(why_study(model, dataset, cells, args.views, args.cover)).text())


if __name__ == "__main__":
    run(main)
