#!/usr/bin/env python3
"""Score cells of one's own with a trained model. For research alone: this is not a medical device."""

import argparse
import sys
from pathlib import Path

import _venv  # noqa: F401

from common.cli import run
from common.errors import UserError
from common.options import add_device_options, add_engine_options

EPILOG = """\
  tools/classify.py cell.png --centre 61,48
  tools/classify.py field.png --centre 61,48 --centre 210,300 --views 10
  tools/classify.py --csv cells.csv --out scores.csv        (columns image, nucleus_x, nucleus_y)

The centre is the nucleus centre in pixels, 0-based, X the column. Pixels should be of Herlev's size, 0.201 um.
The output is CSV: image, centre, score = P(abnormal), its spread over views, and the class at threshold 0.5.
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
    parser.add_argument("--fold-folder", help="the fold whose model to use (default: data/fold)")
    parser.add_argument("--views", type=int, default=100, help="views of each cell, 1 to 100 (default: 100)")
    add_device_options(parser)
    add_engine_options(parser)
    return parser.parse_args()


def main() -> None:
    """Score and print."""
    args = arguments()
    if bool(args.csv) == bool(args.image):
        raise UserError("arguments", "an image with --centre, or --csv", "both or neither", "See --help.")
    centres = [_centre(text) for text in args.centre]
    if args.image and not centres:
        raise UserError("--centre", "at least one X,Y", "none", "Give the nucleus centre in pixels.")
    from common.current_fold import find_fold
    from engines.device import resolve
    from measures.learned import of_folder
    from scoring.own_cells import places_in, places_of_csv, require_writable, score_places, to_csv, write_csv
    from scoring.trained_model import TrainedModel

    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    model = TrainedModel.open(find_fold(args.fold_folder), say=_say)
    choice = model.views(args.views)
    places = places_of_csv(args.csv) if args.csv else places_in(args.image, centres)
    if args.out:
        require_writable(args.out, [*([args.csv] if args.csv else []), *(place.image for place in places)])
    if line := of_folder(model.folder, model.origin):
        _say(f"!! {line} !!")
    ready = model.engine(device).view_input(model.mean, model.crops())
    scores = score_places(ready, places, choice)
    if args.out:
        write_csv(scores, len(places), args.out)
        print(f"{args.out}: {len(places)} cells")
    else:
        to_csv(scores, sys.stdout)


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
