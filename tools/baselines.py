#!/usr/bin/env python3
"""Measure what is possible on a data set without a net: baselines from nucleus area, colour and image size."""

import _venv  # noqa: F401

from deeppap.cli.options import DATA_HELP, DEFAULTS, add_data_options, data_words
from deeppap.cli.tool import ToolParser, run

EPILOG = f"""\
  tools/baselines.py --data data/herlev --protocol cell
  tools/baselines.py --data data/herlev --protocol field

{DATA_HELP}
The folds are those of tools/cross_validate.py with the same --protocol and --seed.
"""


def main() -> None:
    """Measure and print."""
    parser = ToolParser(__doc__, EPILOG)
    add_data_options(parser, default_profile=None)
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed, help="seed of the folds")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from data_prep.dataset import find_data, open_datasets
    from data_prep.folds import make_split
    from deeppap.report.tables.comparison import baselines_alone
    from deeppap.studies.baselines import measured_baselines

    data = find_data(args.data)
    dataset = open_datasets(data, args.allow_partial)
    found = measured_baselines(dataset, make_split(dataset, args.protocol, args.seed))
    for part in (dataset, *dataset.sets()):
        print(baselines_alone(part, found, args.protocol, dataset.classes).text())
    print(f"Next: tools/cross_validate.py {data_words(data)} --protocol {args.protocol}")


if __name__ == "__main__":
    run(main)
