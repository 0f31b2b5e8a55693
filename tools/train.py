#!/usr/bin/env python3
"""Train ConvNet-T on a fold with `caffe train`. An interrupted training is resumed by the same command."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

import _venv  # noqa: F401

from deeppap.cli.options import (
    WEIGHTS_HELP,
    add_border_option,
    add_data_options,
    add_device_options,
    add_net_option,
    add_source_options,
    add_work_options,
    device_of,
    requested,
    source_of,
)
from deeppap.cli.tool import ToolParser, quoted, run
from deeppap.io.errors import FieldError

if TYPE_CHECKING:
    from deeppap.engines.device import Device
    from deeppap.training.source import SourceNet

EPILOG = f"""\
  tools/train.py
  tools/train.py --from runs/herlev-cell-paper/fold0
  tools/train.py --net runs/herlev-cell-paper/fold3 --gpu 0
  tools/train.py --from runs/herlev-cell-paper/fold0 --data my_cells

{WEIGHTS_HELP}
--from adapts a trained net: training continues from the weights of all eight layers. By the net and solver in
prototxt/adapt, only the last three layers learn (docs/how-to/adapt.md). The selected snapshot is recorded in the
fold's model.json.

With --data, one command does all: it builds fold 0 of these cells, trains, and scores the fold's test cells. These are
of fields that the net has not seen (--protocol field). With --from, the net as it was before scores them too, into
a run named -before, and what adapting gained is printed. tools/cross_validate.py does all five folds.
"""


def train_on_data(args: Namespace) -> None:
    """Build fold 0 of the cells in --data, train it and score its test cells."""
    from deeppap.records import ModelRecord, RunRecord
    from deeppap.records.run_folder import fold_folder
    from deeppap.report.following import MORE_CELLS, is_in_doubt
    from deeppap.scoring.results import load_run
    from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate
    from deeppap.training.snapshots import kept

    if args.net:
        raise FieldError("data", "either cells, or a fold that was built from them in `net`", "both", "Leave one out.")
    device = device_of(args)
    print(device.describe())
    weights, source = source_of(args)
    options = CrossValidateOptions(weights, source, [0], device, args.workers, name=args.run, score_source=bool(source))
    fold = fold_folder(cross_validate(requested(args), options), 0)
    print(f"trained net: {fold}")
    reported, out = [fold.parent], ""
    blend = ModelRecord.read(fold).blend
    if blend and not blend.share:
        print(f"!! {kept(blend.share)} !!")
        print("Next: label more cells in the gallery that tools/screen.py wrote, import all labels, and adapt again")
        return
    if source:
        reported.insert(0, print_gain(fold.parent, source, device))
        out = " --out screen/adapted"
    if is_in_doubt(load_run(fold.parent)):
        print(f"Next: {MORE_CELLS}; no evidence that this net has learned")
        return
    size = RunRecord.read(fold.parent).dataset.images_um
    print(
        f"Next: tools/report.py {quoted(*reported)}, then tools/screen.py IMAGES --mpp {f'{size:g}' if size else 'UM'} "
        f"--net {quoted(fold)}{out}, or tools/cross_validate.py with these options for all five folds"
    )


def print_gain(folder: Path, source: "SourceNet", device: "Device") -> Path:
    """Score the test cells with the net as it was before, and print what adapting gained; returns that net's run."""
    from deeppap.report.headline import gain_verdict
    from deeppap.report.runs import named
    from deeppap.report.tables.comparison import adapting
    from deeppap.scoring.results import load_run
    from deeppap.studies.external import score_source

    before = score_source(folder, source, [0], device, folder.with_name(f"{folder.name}-before"))
    old, new = named([load_run(before), load_run(folder)])
    table = adapting([old, new])
    print(table.text())
    print(f"verdict: {gain_verdict(new, table.data['runs'][new.label]['gains'][old.label]['auc'])}")
    return before


def main() -> None:
    """Train the fold and print which snapshot was selected."""
    parser = ToolParser(__doc__, EPILOG)
    add_net_option(parser, "fold to train, made by tools/build_lmdb.py")
    add_source_options(parser)
    add_device_options(parser)
    parser.add_argument("--keep-snapshots", action="store_true", help="keep the snapshots that are not selected")
    add_data_options(parser, default_profile="jitter")
    add_border_option(parser)
    add_work_options(parser)
    parser.set_defaults(protocol="field")
    args = parser.parse_args()
    if args.data:
        train_on_data(args)
        return
    # imported here so that --help does not wait for them
    from deeppap.records.run_folder import find_fold
    from deeppap.scoring.ood import ensure_reference
    from deeppap.scoring.trained_model import TrainedModel
    from deeppap.training.train_fold import TrainOptions, train_fold

    device = device_of(args)
    print(device.describe())
    weights, source = source_of(args)
    fold = find_fold(args.net)
    model = train_fold(fold, TrainOptions(weights, device, args.keep_snapshots, source))
    tested = ""
    if model.val_loss is not None:
        tested = f", validation loss {model.val_loss}, accuracy on single views {model.val_accuracy}"
    print(f"selected ({model.select}): {fold / model.snapshot}, epoch {model.epoch:g}{tested}")
    ensure_reference(TrainedModel.open(fold), device, print)
    print(f"Next: tools/evaluate.py --net {quoted(fold)}")


if __name__ == "__main__":
    run(main)
