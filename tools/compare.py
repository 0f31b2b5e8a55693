#!/usr/bin/env python3
"""Compare runs on the cells that all of them scored, or two screenings of the same images."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.tool import ToolParser, label_words, quoted, run
from deeppap.io.errors import CHECK_PATH, FieldError, UserError

EPILOG = """\
  tools/compare.py runs/herlev-cell-paper runs/herlev-cell-paper-scratch
  tools/compare.py screen/fields screen/fields-adapted

Runs: the tests are McNemar's exact test and DeLong's. If the cells have groups, both tests keep each group together. If
a run was adapted (--from of tools/cross_validate.py), a second table shows what adapting changed.

Screenings of the same images: cells that changed side are counted, and changed.html is written into the second folder.
"""


def main() -> None:
    """Read the runs and print the table."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="two or more run folders, or two folders that tools/screen.py made",
    )
    args = parser.parse_args()
    if len(args.runs) < 2:
        raise FieldError("runs", "two runs or more", "one", "Give the folders of two runs.")
    for folder in args.runs:
        if not folder.is_dir():
            raise UserError(folder, "the folder of a run or of a screening", "no such folder", CHECK_PATH)
    # imported here so that --help does not wait for them
    from deeppap.screening.compare_screens import PAGE, compare_screens, is_screen

    if all(map(is_screen, args.runs)) and len(args.runs) == 2:
        before, after = args.runs
        for line in compare_screens(before, after):
            print(line)
        print(f"the cells that changed most: {after / PAGE}")
        label = f"label cells in {after / 'gallery.html'}"
        print(f"Next: {label}, then tools/import_labels.py {label_words('--images IMAGES', again=True)}")
        return
    from deeppap.report.runs import named
    from deeppap.report.table import with_notes_once
    from deeppap.report.tables.comparison import adapting, comparison
    from deeppap.scoring.results import load_run

    runs = named([load_run(path) for path in args.runs])
    table = comparison(runs)
    if table is None:
        do = "Compare runs of one data set with at least one scored cell in common."
        raise UserError(args.runs[1], f"cells that {args.runs[0]} scored too", "none", do)
    for one in with_notes_once([table, *([adapted] if (adapted := adapting(runs)) else [])]):
        print(one.text())
    print(f"Next: tools/report.py {quoted(*args.runs)}")


if __name__ == "__main__":
    run(main)
