#!/usr/bin/env python3
"""External validation: score a labelled data set that the net has never seen, and write its report."""

from itertools import islice
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import (
    add_count_options,
    add_device_options,
    add_engine_options,
    add_nets_option,
    at_least_one,
    device_of,
    plain_name,
)
from deeppap.cli.tool import ToolParser, run

EPILOG = """\
  tools/validate.py mine/cells.csv --net runs/herlev-cell-paper/fold0
  tools/validate.py fields/nuclei.csv --mpp 0.247 --net RUN/fold0 --net RUN/fold1

The data set is a manifest CSV (docs/how-to/own-cells.md). Its labels may be Bethesda classes (column bethesda; NILM is
normal). A data set that shares an image with the training data is refused. The scores of several folds of one training
are averaged. Output: runs/<set>-external-<run>-<folds>/ with the scores and report/report.html. If --views, --crops,
--engine or --mpp are given, they are part of the folder's name.
"""


def main() -> None:
    """Score, write the report, print its first tables."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("manifest", type=Path, help="labelled cells")
    add_nets_option(parser, repeatable=True)
    parser.add_argument(
        "--mpp", type=float, help="micrometres per pixel; the images are rescaled to the training set's"
    )
    add_count_options(parser)
    parser.add_argument("--run", type=plain_name, help="folder in runs/ (default: named after the set and the nets)")
    add_device_options(parser)
    add_engine_options(parser)
    parser.add_argument("--batch", type=at_least_one, help="crops per batch (default: chosen by the engine)")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.report.report import default_out, write_report
    from deeppap.report.runs import named
    from deeppap.report.tables import all_tables
    from deeppap.scoring.open_nets import open_nets
    from deeppap.scoring.results import load_run
    from deeppap.studies.external import ExternalOptions, validate

    device = device_of(args)
    print(device.describe())
    models = [model for net in args.net for model in open_nets(net, print)]
    options = ExternalOptions(args.views, args.crops, args.mpp, device, args.batch, args.run)
    result = load_run(validate(args.manifest, models, options))
    # the first two tables: performance, and right cells per class
    for table in islice(all_tables(named([result])), 2):
        print(table.text())
    print(f"report: {write_report([result], default_out([result]), show_progress=True)}")


if __name__ == "__main__":
    run(main)
