#!/usr/bin/env python3
"""Write the report of one or several runs: report.html, with its tables/ and figures/."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = """\
  tools/report.py runs/herlev-cell-paper
  tools/report.py runs/herlev-cell-paper runs/herlev-field-paper-inner

tools/cross_validate.py writes the report of its own run. Several runs are shown side by side.
"""


def main() -> None:
    """Read the runs, write the report, print where it is."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder that tools/cross_validate.py made")
    where = "folder to write (default: RUN/report; of several runs report-A-B beside the first)"
    parser.add_argument("--out", type=Path, metavar="DIR", help=where)
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.report.following import instead_of_release
    from deeppap.report.report import default_out, write_report
    from deeppap.scoring.results import load_run

    runs = [load_run(path) for path in args.runs]
    print(f"report: {write_report(runs, args.out or default_out(runs), show_progress=True)}")
    if len(runs) > 1:
        print(f"Next: tools/compare.py {quoted(*args.runs)}, to test whether they differ")
    elif instead := instead_of_release(runs[0]):
        print(f"Next: {instead}")
    # a kept run has its scores alone
    elif any(fold.model and fold.model.weights_in(fold.folder).is_file() for fold in runs[0].folds):
        folds = [str(fold.fold) for fold in runs[0].folds]
        some = f" --folds {','.join(folds)}" if len(folds) < runs[0].n_folds else ""
        print(f"Next: tools/release.py {quoted(args.runs[0])}{some}, to hand its nets on")
    else:
        print(f"Next: tools/compare.py {quoted(args.runs[0])} OTHER_RUN, which needs the scores alone")


if __name__ == "__main__":
    run(main)
