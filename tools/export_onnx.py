#!/usr/bin/env python3
"""Write a trained fold's net as ONNX, proven against Caffe layer by layer on views of its test cells."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.run import run

EPILOG = """\
  tools/export_onnx.py
  tools/export_onnx.py --fold-folder runs/herlev-cell-paper/fold3 --out my_net

crops.onnx takes what Caffe's deploy net takes: float32 crops (N, 3, 227, 227), BGR, mean subtracted, as `data`.
views.onnx takes whole views, uint8 (N, 256, 256, 3), BGR, as `views`, and does the rest itself: mean, crops, mirrors,
average. Both give `prob`. Needs make engines.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fold-folder", help="the fold's folder (default: data/fold)")
    parser.add_argument("--out", type=Path, help="folder for the files (default: onnx in the fold's folder)")
    parser.add_argument("--force", action="store_true", help="go on where parts do not belong together, and say which")
    return parser.parse_args()


def main() -> None:
    """Export, prove, and say where the files are."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.records.current_fold import find_fold
    from deeppap.scoring.export_onnx import export_onnx, proof_views
    from deeppap.scoring.refusal import Refusal
    from deeppap.scoring.trained_model import TrainedModel

    resolve("none")
    model = TrainedModel.open(find_fold(args.fold_folder), force=args.force)
    views = proof_views(model, Refusal(args.force, print))
    for path in export_onnx(model, views, args.out or model.folder / "onnx"):
        print(f"{path} written")


if __name__ == "__main__":
    run(main)
