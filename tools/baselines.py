#!/usr/bin/env python3
"""How far one gets on a data set without a net: every baseline under a protocol's folds."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.options import DATA_HELP
from deeppap.cli.run import run

EPILOG = f"""\
  tools/baselines.py --data data/herlev --protocol cell
  tools/baselines.py --data data/herlev --protocol field

{DATA_HELP}
The folds are those of tools/cross_validate.py with the same --protocol and --seed.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", help="data set (see below)")
    parser.add_argument("--protocol", default="cell", help="cell or field (default: cell)")
    parser.add_argument("--seed", type=int, default=1, help="of the folds (default: 1)")
    parser.add_argument("--allow-partial", action="store_true", help="accept a subset of Herlev")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    args = arguments()
    from data_prep.dataset import find_data, open_dataset
    from data_prep.folds import make_split
    from deeppap.report.tables.baselines_alone import baselines_alone_table
    from deeppap.studies.baselines import measured_baselines

    dataset = open_dataset(find_data(args.data), args.allow_partial)
    found = measured_baselines(dataset, make_split(dataset, args.protocol, args.seed))
    print(baselines_alone_table(dataset, found, args.protocol).text())


if __name__ == "__main__":
    run(main)
