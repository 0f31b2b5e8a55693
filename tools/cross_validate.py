#!/usr/bin/env python3
"""Run the whole study: build, train and evaluate every fold, then write the report. It can be resumed."""

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
    device_of,
    requested,
    source_of,
    whole_numbers,
)
from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = f"""\
  tools/cross_validate.py --data data/herlev --profile paper --protocol cell
  tools/cross_validate.py --data data/herlev --profile quick --protocol field --folds 0,1
  tools/cross_validate.py --data my_cells/cells.csv --profile quick --from runs/herlev-cell-paper/fold0

{DATA_HELP}
--protocol cell splits single cells, as the paper does. --protocol field keeps all cells of one field in the same fold,
which is the stricter test. Unless --select is given, it selects the snapshot on training cells that were held back, or
with --from takes the last one.

--from adapts a trained net in every fold (docs/how-to/adapt.md). tools/compare.py shows what adapting changed.
{WEIGHTS_HELP}
With --cluster, each worker does one fold at a time. All workers must share this folder:
docs/how-to/slides-on-a-cluster.md.

A second call does only what is missing. The LMDBs of a fold are removed after it is scored, unless --keep is given. The
report is runs/<run>/report/report.html.
"""


def main() -> None:
    """Do what is missing, then write the report."""
    parser = ToolParser(__doc__, EPILOG)
    add_run_options(parser, default_profile="paper")
    add_source_options(parser)
    parser.add_argument("--folds", type=whole_numbers, help="do only these folds, such as 0,2 (default: all)")
    add_cluster_option(parser)
    add_device_options(parser)
    add_engine_options(parser)
    parser.add_argument("--shift", action="store_true", help="score also with centres moved by up to 5 and 10 pixels")
    parser.add_argument("--keep", action="store_true", help="keep the LMDBs")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.cluster.connect import on_cluster
    from deeppap.engines.device import gpus_for_workers
    from deeppap.report.report import default_out, write_report
    from deeppap.scoring.results import load_run
    from deeppap.studies.cluster_folds import folds_on
    from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate

    device = device_of(args)
    print(device.describe())
    weights, source = source_of(args)
    options = CrossValidateOptions(
        weights=weights,
        source=source,
        folds=args.folds,
        device=device,
        workers=args.workers,
        shift=args.shift,
        keep=args.keep,
        name=args.run,
    )
    with on_cluster(args.cluster, folds_on, cards=partial(gpus_for_workers, device, args.gpu)) as elsewhere:
        folder = cross_validate(requested(args), options, elsewhere=elsewhere)
    result = load_run(folder)
    print(f"report: {write_report([result], default_out([result]), show_progress=True)}")
    net = quoted(result.folds[0].folder if result.folds else folder / "fold0")
    print(f"Next: tools/validate.py OTHER_CELLS --net {net}, or tools/screen.py IMAGES --net {net}")


if __name__ == "__main__":
    run(main)
