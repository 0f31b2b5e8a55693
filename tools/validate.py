#!/usr/bin/env python3
"""External validation: score a labelled data set that the net has never seen, and write its report."""

import argparse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import _venv  # noqa: F401

from deeppap.cli.options import (
    add_count_options,
    add_detector_options,
    add_device_options,
    add_engine_options,
    add_nets_option,
    data_words,
    device_of,
    plain_name,
)
from deeppap.cli.tool import ToolParser, quoted, run
from deeppap.io.errors import FieldError

if TYPE_CHECKING:
    from deeppap.engines.device import Device

EPILOG = """\
  tools/validate.py mine/cells.csv --net runs/herlev-cell-paper/fold0
  tools/validate.py fields/nuclei.csv --mpp 0.247 --net RUN/fold0 --net RUN/fold1
  tools/validate.py fields/ --screen --mpp 0.247 --net RUN/fold0

The data set is a manifest CSV (docs/how-to/own-cells.md). Its labels may be Bethesda classes (column bethesda; NILM is
normal). A data set that shares an image with the training data is refused; --skip-known leaves such images out, and
scores the others. The scores of several folds of one training are averaged. Output: runs/<set>-external-<run>-<folds>/
with the scores and report/report.html. If --views, --crops, --engine or --mpp are given, they are part of the folder's
name.

With --screen the whole chain is judged: nuclei are detected in the fields, and every one is scored. Each marked cell is
then not found, found and not called abnormal, or called abnormal. Output: runs/<set>-screened-<run>/ with report.html.
"""


def main() -> None:
    """Score, write the report, print its first tables."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("manifest", type=Path, help="labelled cells; with --screen a folder of marked fields")
    add_nets_option(parser, repeatable=True)
    parser.add_argument(
        "--mpp", type=float, help="micrometres per pixel; the images are rescaled to the training set's"
    )
    parser.add_argument("--screen", action="store_true", help="detect the cells, instead of taking the marked ones")
    add_detector_options(parser)
    parser.add_argument("--training-mpp", type=float, help="with --screen: micrometres per pixel at training")
    skip = "leave out the images that the net learned from, and score the others"
    parser.add_argument("--skip-known", action="store_true", help=skip)
    add_count_options(parser)
    parser.add_argument("--run", type=plain_name, help="folder in runs/ (default: named after the set and the nets)")
    add_device_options(parser)
    add_engine_options(parser)
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.scoring.open_nets import open_nets
    from deeppap.scoring.results import load_run
    from deeppap.scoring.thresholds import of_nets
    from deeppap.studies.external import ExternalOptions, validate

    device = device_of(args)
    print(device.describe())
    models = [model for net in args.net for model in open_nets(net, print)]
    if not args.screen and (args.detector or args.confidence is not None):
        raise FieldError("detector", "`screen`, which detects", "marked cells", "Give `screen`, or leave it out.")
    if args.screen:
        judge_screening(args, models, device)
        return
    options = ExternalOptions(args.views, args.crops, args.mpp, device, args.run, args.skip_known)
    result = load_run(validate(args.manifest, models, options))
    # they take seconds to import: a data set that is refused does not wait for them
    from deeppap.report.report import default_out, write_report
    from deeppap.report.runs import named
    from deeppap.report.table import with_notes_once
    from deeppap.report.tables import all_tables
    from deeppap.report.tables.scores import thresholds_for_use

    # performance, confusion matrix, right cells per class; the nets' own thresholds
    runs = named([result])
    thresholds = thresholds_for_use(runs)
    for table in with_notes_once([*islice(all_tables(runs), 3), *([thresholds] if thresholds else [])]):
        print(table.text())
    if not thresholds:
        own = "cells of this set chose the nets' own" if of_nets(models) else "the nets have none of their own"
        print(f"thresholds for use are not judged, since {own} (docs/how-to/choose-a-threshold.md)")
    print(f"report: {write_report([result], default_out([result]), show_progress=True)}")
    left_out = result.record.external.left_out
    # one net can be adapted, to cells whose pixel size is known, all of images that it has not seen
    if len(models) == 1 and args.mpp is None and not left_out:
        words = f"--from {quoted(models[0].folder)} {data_words([args.manifest])}"
        print(f"Next: tools/train.py {words}, which adapts the net to such cells")
    else:
        print(f"Next: {next_screening(args)}")


def next_screening(args: argparse.Namespace) -> str:
    """The command that screens images by what the user named first: a screening takes one net, or one release."""
    return f"tools/screen.py IMAGES --net {quoted(args.net[0])}" + (f" --mpp {args.mpp:g}" if args.mpp else "")


def judge_screening(args: argparse.Namespace, models: list, device: "Device") -> None:
    """Screen the fields, print the tables."""
    from deeppap.report.table import with_notes_once
    from deeppap.studies.screened_fields import ScreenedOptions, validate_screening

    if args.mpp is None:
        raise FieldError("mpp", "micrometres per pixel of the fields", "none", "Give it.")
    given = (args.mpp, args.views, args.crops, device, args.detector, args.confidence, args.training_mpp, args.run)
    page, tables = validate_screening(args.manifest, models, ScreenedOptions(*given, args.skip_known))
    for table in with_notes_once(tables):
        print(table.text())
    print(f"report: {page}")
    print(f"Next: {next_screening(args)}")


if __name__ == "__main__":
    run(main)
