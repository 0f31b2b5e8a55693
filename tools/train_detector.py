#!/usr/bin/env python3
"""Train the nucleus detector with `caffe train` on fields with annotated nuclei. The same command resumes it."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import add_detector_training_options, add_field_options
from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = """\
  tools/train_detector.py --fields fields/cervix93 --mpp 0.22
  tools/train_detector.py --fields fields/cervix93 fields/cric --mpp 0.22 0.247 --incomplete cric --out runs/detector

A folder of fields holds images with <stem>.csv (row,col, 1-based, no header), or nuclei.csv (image, nucleus_x,
nucleus_y, 0-based, and bethesda if the classes are known), or <stem>_GT.png masks. Cervix93 does not state its pixel
size; 0.22 um fits the size of its nuclei.
"""


def main() -> None:
    """Train the net and print where its weights are."""
    parser = ToolParser(__doc__, EPILOG)
    add_field_options(parser)
    add_detector_training_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("runs/detector"), help="folder to train in")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.screening.nuclei.fields import open_sets
    from deeppap.screening.nuclei.train_fcn import TrainRequest, train_fcn

    sets = open_sets(args.fields, args.mpp, args.incomplete)
    weights = train_fcn(args.out, TrainRequest(sets, args.training_crops, args.iterations, args.seed, args.teacher))
    print(f"trained: {weights}")
    print(f"Next: tools/evaluate_detector.py --detector {quoted(weights)} --fields ... --mpp ...")


if __name__ == "__main__":
    run(main)
