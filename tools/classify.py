#!/usr/bin/env python3
"""Score cells of one's own with a trained model. For research alone: this is not a medical device."""

import argparse
import sys
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import add_device_options, add_engine_options
from deeppap.cli.run import run
from deeppap.io.errors import UserError
from deeppap.records.request import CLASSIFY_VIEWS

EPILOG = """\
  tools/classify.py cell.png --centre 61,48
  tools/classify.py field.png --centre 61,48 --centre 210,300 --views 10
  tools/classify.py --csv cells.csv --out scores.csv        (columns image, nucleus_x, nucleus_y)
  tools/classify.py cell.png --centre 61,48 --why why.png
  tools/classify.py cell.png --centre 61,48 --release herlev-field

The centre is the nucleus centre in pixels, 0-based, X the column. Pixels should be of Herlev's size, 0.201 um.
The output is CSV: image, centre, score = P(abnormal), its spread over views, the class at threshold 0.5, and whether
the cell is unlike those that the net was trained on (docs/unlike.md): its score then means little.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("image", nargs="?", type=Path, help="a colour image, 8 bits a channel")
    parser.add_argument(
        "--centre", action="append", default=[], metavar="X,Y", help="a nucleus centre; may be repeated"
    )
    parser.add_argument("--csv", type=Path, help="cells of many images instead")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there, all of it or nothing, and do not print")
    nets = parser.add_mutually_exclusive_group()
    nets.add_argument("--fold-folder", help="the fold whose model to use (default: data/fold)")
    nets.add_argument(
        "--release", type=Path, metavar="FOLDER", help="all nets of a release, averaged (tools/release.py)"
    )
    parser.add_argument(
        "--views", type=int, default=CLASSIFY_VIEWS, help="views of each cell, 1 to 100 (default: %(default)s)"
    )
    parser.add_argument("--why", type=Path, metavar="FILE", help="a picture (.png) of where each score comes from")
    add_device_options(parser)
    add_engine_options(parser)
    return parser.parse_args()


def main() -> None:
    """Score and print."""
    args = arguments()
    if bool(args.csv) == bool(args.image):
        raise UserError("arguments", "an image with --centre, or --csv", "both or neither", "See --help.")
    centres = [_centre(text) for text in args.centre]
    if args.csv and centres:
        raise UserError(
            "--centre", "none beside --csv, whose lines have them", args.centre[0], "Leave one of them out."
        )
    if args.image and not centres:
        raise UserError("--centre", "at least one X,Y", "none", "Give the nucleus centre in pixels.")
    from deeppap.engines.device import resolve
    from deeppap.scoring.average import score_by_all
    from deeppap.scoring.open_nets import open_nets
    from deeppap.scoring.own_cells import places_in, places_of_csv, require_writable, to_csv, write_csv
    from deeppap.scoring.unlike import say_share

    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    models = open_nets(args.release, args.fold_folder, _say)
    choice = models[0].views(args.views)
    places = places_of_csv(args.csv, models[0].run.dataset.pixel_um) if args.csv else places_in(args.image, centres)
    read = [*([args.csv] if args.csv else []), *(place.image for place in places)]
    if args.out:
        require_writable(args.out, read)
    if args.why:
        from deeppap.studies.why_picture import require_picture, write_why_picture

        require_picture(args.why, len(places), len(models))
        require_writable(args.why, [*read, *([args.out] if args.out else [])])
    for model in models:
        if model.doubt:
            _say(f"!! {model.doubt} !!")
    scores = score_by_all(models, device, places, choice, _say)
    marks = write_csv(scores, len(places), args.out) if args.out else to_csv(scores, sys.stdout)
    if args.out:
        print(f"{args.out}: {len(places)} cells")
    say_share(marks, _say)
    if args.why:
        write_why_picture(args.why, models[0], models[0].engine(device), places, args.views)


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # standard output is the scores


def _centre(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError("--centre", "X,Y", text, "Give two numbers with a comma between them.") from None
    return x, y


if __name__ == "__main__":
    run(main)
