#!/usr/bin/env python3
"""What adapting a trained net buys on one's own cells: before, from CaffeNet alone, and adapted, on the same cells."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.options import (
    DATA_HELP,
    WEIGHTS_HELP,
    add_compared_options,
    add_device_options,
    add_run_options,
    requested,
)
from deeppap.cli.run import run

EPILOG = f"""\
  tools/adapt_study.py --data my_cells/cells.csv --profile quick --protocol field --from runs/herlev-cell-paper/fold0

Three runs of the same folds: the source net as it is, one from CaffeNet alone, and the adapted one. Their report,
with one table and one figure of what adapting has bought, is adapting/report.html in the adapted run's folder. A second
call does only what is missing. A source that was trained on a test cell's image is refused.
--weights and --from-scratch are those of the net from CaffeNet.
{WEIGHTS_HELP}\
{DATA_HELP}"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    add_run_options(parser, profile="quick", select="inner")
    add_compared_options(parser)
    parser.add_argument("--folds", help="only these, such as 0,2 (default: all)")
    add_device_options(parser)
    parser.add_argument("--keep", action="store_true", help="keep the LMDBs")
    return parser.parse_args()


def main() -> None:
    """Do all that is missing, write the report, print its table."""
    args = arguments()
    from deeppap.engines.device import resolve
    from deeppap.report.report import write_report
    from deeppap.report.tables.adapting import adapting_table
    from deeppap.scoring.results import load_run
    from deeppap.studies.adapt_study import REPORT, adapt_study
    from deeppap.studies.cross_validate import CrossValidateOptions, wanted_folds
    from deeppap.training.source import compared

    device = resolve(args.gpu, args.tf32)
    print(device.describe())
    weights, source = compared(args)
    how = {"folds": wanted_folds(args.folds), "device": device, "workers": args.workers, "keep": args.keep}
    options = CrossValidateOptions(name=args.run, **how)
    runs = adapt_study(requested(args), options, weights, source)
    results = [load_run(path) for path in runs]
    table = adapting_table(results)
    print(table.text())
    print(f"report: {write_report(results, runs[-1] / REPORT, progress=True)}")


if __name__ == "__main__":
    run(main)
