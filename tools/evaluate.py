#!/usr/bin/env python3
"""Score the test cells of a fold with its trained net: views x crops, averaged; writes scores.csv."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import add_count_options, add_device_options, add_engine_options, add_net_option, device_of
from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = """\
  tools/evaluate.py
  tools/evaluate.py --views 1
  tools/evaluate.py --net runs/herlev-cell-paper/fold3 --shift 10

The numbers of views and crops are those of the run's profile (paper: 100 views x 10 crops), unless they are given.
Files in the fold's folder: scores.csv, scores.json (how the scores were made) and view_scores.csv. If --views, --crops,
--snapshot or --engine differ from the run's own, the files get other names, such as scores-views1-crops10.csv. The
report reads only the run's own scores.
"""


def main() -> None:
    """Score the fold and print the metrics and the table of classes."""
    parser = ToolParser(__doc__, EPILOG)
    add_net_option(parser)
    add_count_options(parser)
    parser.add_argument(
        "--shift", type=int, default=0, help="move the centres by up to this many pixels (paper: 5, 10)"
    )
    parser.add_argument("--snapshot", type=Path, metavar="FILE", help="another .caffemodel than the selected one")
    add_device_options(parser)
    add_engine_options(parser)
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.records.run_folder import find_fold
    from deeppap.report.table import summary
    from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
    from deeppap.scoring.trained_model import TrainedModel

    device = device_of(args)
    print(device.describe())
    model = TrainedModel.open(find_fold(args.net), args.snapshot)
    options = EvaluateOptions(args.views, args.crops, args.shift)
    scores = evaluate_fold(model, device, options)
    print(summary(model.run, scores))
    if model.doubt:
        print(f"!! {model.doubt} !!")
    report, net = quoted(model.folder.parent), quoted(model.folder)
    print(f"Next: tools/report.py {report}, or tools/screen.py IMAGES --net {net}")


if __name__ == "__main__":
    run(main)
