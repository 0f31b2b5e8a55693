#!/usr/bin/env python3
"""Average a fold's test cells over softmax's outputs, as everywhere here, and over fc8's; show both."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/softmax_or_fc8.py --net runs/herlev-cell-quick/fold0

The paper says that a cell's score is the mean of "the fc8 output"; here it is the mean of probabilities. The same
crops are averaged in both ways, so that the difference is that of the mean alone. On the CPU.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", help="the fold's folder (default: data/fold)")
    parser.add_argument("--views", type=int, help="test views of each cell (default: the profile's)")
    return parser.parse_args()


def main() -> None:
    """Score once and print both tables of measures."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.records.current_fold import find_fold
    from deeppap.report.tables.means import means_table
    from deeppap.scoring.evaluate_fold import held_out_cells
    from deeppap.scoring.refusal import Refusal
    from deeppap.scoring.trained_model import TrainedModel
    from deeppap.studies.softmax_or_fc8 import both_scores

    device = resolve("none")
    model = TrainedModel.open(find_fold(args.net))
    cells = held_out_cells(model, Refusal(False, print))
    print(means_table(both_scores(model, cells, device, args.views)).text())


if __name__ == "__main__":
    run(main)
