#!/usr/bin/env python3
"""Build train_lmdb, val_lmdb and mean.binaryproto of one fold, and make data/fold point to them."""

import _venv  # noqa: F401

from deeppap.cli.options import DATA_HELP, add_run_options, requested
from deeppap.cli.tool import ToolParser, run

EPILOG = f"""\
  tools/build_lmdb.py --fold 3
  tools/build_lmdb.py --fold 0 --data my_cells.csv --profile quick

{DATA_HELP}
The files are written to runs/<run>/fold<K>/. The prototxt files read them through the link data/fold. If the fold is
complete already, only the link is moved.
"""


def main() -> None:
    """Build the fold and make data/fold point to it."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("--fold", type=int, required=True, help="fold to hold out, 0 to 4")
    add_run_options(parser, default_profile="paper")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from data_prep.prepare import prepare_fold
    from deeppap.io.caffe_messages import ROOT, prototxt_folder
    from deeppap.records.run_folder import make_current

    fold, line = prepare_fold(requested(args), args.fold, args.workers, args.run)
    make_current(fold)
    print(line)
    solver = prototxt_folder(args.classes) / "solver.prototxt"
    # the hand-written net has not as many outputs as the data have classes: tools/train.py sets them
    by_hand = "" if args.classes == "own" else f", or caffe train -solver {solver.relative_to(ROOT)} -weights ..."
    print(f"data/fold points there. Next: tools/train.py{by_hand}")


if __name__ == "__main__":
    run(main)
