#!/usr/bin/env python3
"""Search for leaks: cells or views that are in training and in validation, and duplicates in a data set."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import add_net_option
from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = """\
  tools/audit_leaks.py
  tools/audit_leaks.py --net runs/herlev-cell-paper/fold3
  tools/audit_leaks.py --data data/herlev

Cells are compared by id, by exact pixels, and by a perceptual hash, which finds images that were changed slightly. The
images of a data set are compared in all eight orientations. The exit status is 0 if nothing is found, else 1. One line
is printed for each finding.
"""


def main() -> int:
    """Print every leak, and how many there are."""
    parser = ToolParser(__doc__, EPILOG)
    add_net_option(parser, "fold whose LMDBs are compared")
    parser.add_argument("--data", help="compare the images of this data set instead")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from data_prep.dataset import open_dataset
    from data_prep.leaks import audit_dataset, audit_fold
    from deeppap.io.errors import printable
    from deeppap.records.run_folder import find_fold

    if args.data:
        where, leaks = args.data, audit_dataset(open_dataset(Path(args.data), allow_partial=True))
    else:
        where = find_fold(args.net)
        leaks = audit_fold(where)
    for leak in leaks:
        distance = f", {leak.distance} of 256 bits apart" if leak.kind == "near" else ""
        print(printable(f"{leak.kind}: {leak.first} and {leak.second}{distance}"))
    print(f"{where}: {len(leaks) or 'no'} leak(s) found")
    if not leaks:
        name = quoted(where)
        print(f"Next: tools/baselines.py --data {name}" if args.data else f"Next: tools/train.py --net {name}")
    return 1 if leaks else 0


if __name__ == "__main__":
    run(main)
