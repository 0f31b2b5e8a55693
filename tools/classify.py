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
The centre is the nucleus centre in pixels, 0-based, X the column. Pixels should be of Herlev's size, 0.201 um.
The output is CSV: image, centre, score = P(abnormal), its spread over views, the class at threshold 0.5, and whether
the cell is unlike those that the net was trained on (docs/unlike.md): its score then means little.

  tools/classify.py cell.png --centre 61,48
  tools/classify.py field.png --centre 61,48 --centre 210,300 --views 10
  tools/classify.py --csv cells.csv        (columns image, nucleus_x, nucleus_y)
  tools/classify.py cell.png --centre 61,48 --why why.png
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("image", nargs="?", type=Path, help="a colour image, 8 bits a channel")
    parser.add_argument(
        "--centre", action="append", default=[], metavar="X,Y", help="a nucleus centre; may be repeated"
    )
    parser.add_argument("--csv", type=Path, help="cells of many images instead")
    parser.add_argument("--fold-folder", help="the fold whose model to use (default: data/fold)")
    parser.add_argument("--views", type=int, default=100, help="views of each cell, 1 to 100 (default: 100)")
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
    if args.image and not centres:
        raise UserError("--centre", "at least one X,Y", "none", "Give the nucleus centre in pixels.")
    from common.current_fold import find_fold
    from engines.device import resolve
    from scoring.own_cells import cells_at, place_in, places_of_csv, to_csv
    from scoring.score_cells import score_cells
    from scoring.trained_model import TrainedModel
    from scoring.unlike import say_share

    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    model = TrainedModel.open(find_fold(args.fold_folder), say=_say)
    choice = model.views(args.views)
    places = places_of_csv(args.csv) if args.csv else [place_in(args.image, *xy) for xy in centres]
    if args.why:
        from studies.why_picture import require_picture, write_why_picture

        require_picture(args.why, len(places))
    engine = model.engine(device)
    ready = engine.view_input(model.mean, model.crops())
    marks = to_csv(score_cells(ready, cells_at(places, choice), model.known_cells(engine, _say)), sys.stdout)
    say_share(marks, _say)
    if args.why:
        write_why_picture(args.why, model, engine, places, args.views)


def _say(line: str) -> None:
    """Standard output is the table's alone."""
    print(line, file=sys.stderr)


def _centre(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError("--centre", "X,Y", text, "Give two numbers with a comma between them.") from None
    return x, y


if __name__ == "__main__":
    run(main)
