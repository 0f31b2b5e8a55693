#!/usr/bin/env python3
"""Find out how many cells must be labelled: train on larger and larger parts of a data set, and adapt a trained net."""

import _venv  # noqa: F401

from deeppap.cli.options import (
    DATA_HELP,
    WEIGHTS_HELP,
    add_data_options,
    add_device_options,
    add_source_options,
    add_work_options,
    at_least_one,
    data_words,
    device_of,
    requested,
    weights_of,
    whole_numbers,
)
from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = f"""\
  tools/learning_curve.py --data my_cells/cells.csv --protocol field --from runs/herlev-cell-paper/fold0

One fold is held out. From the other cells, random parts are drawn, each within the next larger one, in whole groups.
For each part and each seed one net is trained from CaffeNet, and the net given by --from is adapted. The last snapshot
is scored, so that no test cell has a part in the choice. A second call does only what is missing. The table and the
figure are in curve/ of the run's folder. Each net has a run folder that tools/report.py can read.

--weights and --from-scratch apply to the nets that are trained from CaffeNet.
{WEIGHTS_HELP}
{DATA_HELP}"""


def main() -> None:
    """Train and score what is missing, write table and figure, print the table."""
    parser = ToolParser(__doc__, EPILOG)
    add_data_options(parser, default_profile="quick")
    add_source_options(parser, required=True)
    parser.add_argument("--fold", type=int, default=0, help="fold to hold out")
    parser.add_argument(
        "--shares",
        type=whole_numbers,
        default=[12, 25, 50, 100],
        help="percent of the groups, ascending (default: 12,25,50,100)",
    )
    parser.add_argument("--seeds", type=at_least_one, default=3, help="random parts, and trainings, of each size")
    add_work_options(parser)
    add_device_options(parser)
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from data_prep.dataset import find_data
    from deeppap.report.learning_curve import read_curve, write_curve
    from deeppap.studies.learning_curve import BEFORE, CurveOptions, learning_curve
    from deeppap.training.source import open_source

    device = device_of(args)
    print(device.describe())
    source = open_source(args.source)
    how = {"device": device, "workers": args.workers, "name": args.run}
    options = CurveOptions(weights_of(args), source, args.fold, args.shares, args.seeds, **how)
    home = learning_curve(requested(args), options)
    table, figure = write_curve(read_curve(home, BEFORE), home / "curve")
    print(table.text())
    print(f"figure: {figure}")
    print(f"Next: tools/train.py {data_words(find_data(args.data))} --from {quoted(args.source)}")


if __name__ == "__main__":
    run(main)
