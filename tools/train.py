#!/usr/bin/env python3
"""Train ConvNet-T on a fold with `caffe train`. An interrupted training is resumed by the same command."""

import _venv  # noqa: F401

from deeppap.cli.options import (
    WEIGHTS_HELP,
    add_device_options,
    add_net_option,
    add_source_options,
    device_of,
    source_of,
)
from deeppap.cli.tool import ToolParser, run

EPILOG = f"""\
  tools/train.py
  tools/train.py --from runs/herlev-cell-paper/fold0
  tools/train.py --net runs/herlev-cell-paper/fold3 --gpu 0

{WEIGHTS_HELP}
--from adapts a trained net: training continues from the weights of all eight layers, with the solver in prototxt/adapt
(docs/how-to/adapt.md). The selected snapshot is recorded in the fold's model.json.
"""


def main() -> None:
    """Train the fold and print which snapshot was selected."""
    parser = ToolParser(__doc__, EPILOG)
    add_net_option(parser, "fold to train, made by tools/build_lmdb.py")
    add_source_options(parser)
    add_device_options(parser)
    parser.add_argument("--keep-snapshots", action="store_true", help="keep the snapshots that are not selected")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.records.current_fold import find_fold
    from deeppap.scoring.ood import ensure_reference
    from deeppap.scoring.trained_model import TrainedModel
    from deeppap.training.train_fold import TrainOptions, train_fold

    device = device_of(args)
    print(device.describe())
    weights, source = source_of(args)
    fold = find_fold(args.net)
    model = train_fold(fold, TrainOptions(weights, device, args.keep_snapshots, source))
    print(
        f"selected ({model.select}): {fold / model.snapshot}, epoch {model.epoch:g}, "
        f"validation loss {model.val_loss}, patch accuracy {model.val_accuracy}"
    )
    ensure_reference(TrainedModel.open(fold), device, print)
    print("Next: tools/evaluate.py")


if __name__ == "__main__":
    run(main)
