#!/usr/bin/env python3
"""Reproduce the paper: every fold through build, train and evaluate, then the report; resumable."""

import argparse
from functools import partial

import _venv  # noqa: F401

from deeppap.cli.options import (
    DATA_HELP,
    WEIGHTS_HELP,
    add_cluster_option,
    add_device_options,
    add_engine_options,
    add_run_options,
    add_source_options,
    requested,
)
from deeppap.cli.run import run

EPILOG = f"""\
  tools/cross_validate.py --data data/herlev --profile paper --protocol cell
  tools/cross_validate.py --data data/herlev --profile quick --protocol field --folds 0,1

{DATA_HELP}
The protocols: cell is the paper's; field keeps all cells of one Herlev field number in one fold, the honest test,
and chooses its snapshot on cells held back from training unless --select says otherwise; the run's name says so.
--from adapts a trained net in every fold; tools/adapt_study.py compares that with the net as it is, and with CaffeNet.
{WEIGHTS_HELP}\
With --cluster each worker does a fold at a time, all in this folder's runs/, which they must share (docs/cluster.md).
A fold's LMDBs are removed once it is scored, unless --keep. The report is runs/<run>/report/report.html.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    add_run_options(parser, profile="paper")
    add_source_options(parser)
    parser.add_argument("--folds", help="only these, such as 0,2 (default: all)")
    add_cluster_option(parser)
    add_device_options(parser)
    add_engine_options(parser)
    parser.add_argument("--shift", action="store_true", help="score also with centres moved by up to 5 and 10 pixels")
    parser.add_argument("--keep", action="store_true", help="keep the LMDBs")
    return parser.parse_args()


def main() -> None:
    """Do all that is missing, then write the report."""
    args = arguments()
    from deeppap.cluster.connect import on_cluster
    from deeppap.engines.device import cards_of, resolve
    from deeppap.report.report import default_out, write_report
    from deeppap.scoring.results import load_run
    from deeppap.studies.cluster_folds import folds_on
    from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate, wanted_folds
    from deeppap.training.source import start_of

    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    print(device.describe())
    weights, source = start_of(args)
    options = CrossValidateOptions(
        weights=weights,
        source=source,
        folds=wanted_folds(args.folds),
        device=device,
        workers=args.workers,
        shift=args.shift,
        keep=args.keep,
        name=args.run,
    )
    with on_cluster(args.cluster, folds_on, cards=partial(cards_of, device, args.gpu)) as elsewhere:
        folder = cross_validate(requested(args), options, elsewhere=elsewhere)
    result = load_run(folder)
    print(f"report: {write_report([result], default_out([result]), progress=True)}")


if __name__ == "__main__":
    run(main)
