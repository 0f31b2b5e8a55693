#!/usr/bin/env python3
"""Fine-tune ConvNet-T on the fold that build_lmdb made, with `caffe train`; a second call resumes."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import WEIGHTS_HELP, add_device_options, add_source_options
from deeppap.cli.run import run

EPILOG = f"""\
  tools/train.py
  tools/train.py --from runs/herlev-cell-paper/fold0
  tools/train.py --fold-folder runs/herlev-cell-paper/fold3 --gpu 0

{WEIGHTS_HELP}\
Ctrl-C leaves a resumable run. The selected model is recorded in the fold's model.json.
--from adapts a trained ConvNet-T: all eight layers go on from its weights, with prototxt/adapt (docs/adapting.md).
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold-folder", help="the fold's folder (default: data/fold)")
    add_source_options(parser)
    add_device_options(parser)
    parser.add_argument("--keep-snapshots", action="store_true", help="keep those that are not selected")
    return parser.parse_args()


def main() -> None:
    """Train the fold and say which snapshot was selected."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.records.current_fold import find_fold
    from deeppap.training.source import start_of
    from deeppap.training.train_fold import TrainOptions, train_fold

    device = resolve(args.gpu, args.tf32)
    print(device.describe())
    weights, source = start_of(args)
    fold = find_fold(args.fold_folder)
    model = train_fold(fold, TrainOptions(weights, device, args.keep_snapshots, source))
    print(
        f"selected ({model.select}): {Path(fold) / model.snapshot}, epoch {model.epoch:g}, "
        f"validation loss {model.val_loss}, patch accuracy {model.val_accuracy}"
    )
    print("Next: tools/evaluate.py")


if __name__ == "__main__":
    run(main)
