#!/usr/bin/env python3
"""Find and score every cell of field images and slides. For research alone: this is not a medical device."""

import argparse
import sys
from functools import partial
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.option_types import at_least_one
from deeppap.cli.options import add_cluster_option, add_device_options, add_engine_options
from deeppap.cli.run import run
from deeppap.io.errors import UserError

PARTLY = 3  # exit status where a part of an image could not be read or was given up; all else was done

EPILOG = """\
  tools/screen.py fields/ --mpp 0.25 --fold-folder runs/herlev-cell-quick/fold0
  tools/screen.py slide.svs
  tools/screen.py slides/ --cluster local --workers 8
  tools/screen.py slide.svs --nuclei corrected.geojson --out screen/corrected

Writes, complete or absent, into --out: cells.csv, cells.parquet, gallery.html, screen.json, and for each image a folder
with cells.geojson (QuPath detections), worst.geojson (annotations) and overlay.png; of several images also
summary.html, a row an image, and each one's own gallery.html. The same command again after an interruption does what
is missing. docs/fields.md walks through it.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("image", nargs="+", type=Path, help="images, slides, or folders of them")
    parser.add_argument("--out", type=Path, help="folder for the results (default: screen/<name of the first IMAGE>)")
    nets = parser.add_mutually_exclusive_group()
    nets.add_argument("--fold-folder", help="the fold whose model to use (default: data/fold)")
    nets.add_argument("--release", type=Path, metavar="FOLDER", help="all nets of a release, averaged")
    parser.add_argument("--mpp", type=float, help="micrometres a pixel, where the file does not state it or is wrong")
    parser.add_argument("--training-mpp", type=float, help="of the training images, where the run does not state it")
    parser.add_argument("--detector", default="threshold", help="threshold (needs nothing) or fcn (default: threshold)")
    parser.add_argument("--detector-weights", type=Path, help="fcn's .caffemodel")
    parser.add_argument(
        "--confidence", type=float, help="least confidence of a nucleus, 0 to 1 (default: the detector's)"
    )
    parser.add_argument("--nuclei", type=Path, help="score these nuclei of one image: .geojson, .geojson.gz or .csv")
    parser.add_argument("--views", type=int, help="views of each cell (default: 5)")
    parser.add_argument("--crops", type=int, help="crops of each view, 1 to 10 (default: 1)")
    parser.add_argument("--grey-as-colour", action="store_true", help="score grey images all the same")
    parser.add_argument(
        "--shown", type=int, default=500, help="cells in the gallery, the highest scores (default: 500)"
    )
    parser.add_argument("--gz", action="store_true", help="write .geojson.gz")
    parser.add_argument("--tile", type=int, default=2048, help="side of a tile in pixels (default: 2048)")
    parser.add_argument("--keep-parts", action="store_true", help="keep each tile's cells beside the results")
    add_cluster_option(parser)
    processes = "processes of --cluster local (default: one a core, or a card)"
    parser.add_argument("--workers", type=at_least_one("--workers"), help=processes)
    add_device_options(parser)
    add_engine_options(parser)
    return parser.parse_args()


def main() -> int:
    """Screen, and say what was found."""
    args = arguments()
    from dataclasses import replace

    from deeppap.cluster.connect import on_cluster
    from deeppap.engines.device import cards_of, resolve
    from deeppap.scoring.open_nets import open_nets
    from deeppap.screening.cluster_tiles import run_on
    from deeppap.screening.parts import require_parquet
    from deeppap.screening.screen_images import run_here, screen_images
    from deeppap.screening.settings import require_tile, settings_of
    from deeppap.screening.slides.open_slide import find_images

    require_parquet()
    images = find_images(args.image)
    if args.nuclei and len(images) != 1:
        raise UserError("--nuclei", "one image, whose nuclei they are", f"{len(images)}", "Screen them one by one.")
    if not 1 <= args.shown <= 5000:
        raise UserError("--shown", "1 to 5000 cells", f"{args.shown}", "The page holds their pictures.")
    device = resolve(args.gpu, args.tf32, args.engine, args.precision)
    models = open_nets(args.release, args.fold_folder, _say)
    for model in models:
        if model.doubt:
            _say(f"!! {model.doubt} !!")
    counts = (args.views, args.crops, args.grey_as_colour, args.confidence, args.training_mpp)
    settings = settings_of(models, device, args.detector, args.detector_weights, *counts, _say)
    settings = replace(settings, tile=require_tile(args.tile))
    first = args.image[0].resolve()
    out = args.out or Path("screen") / (first.name if first.is_dir() else first.stem)
    more = (args.mpp, args.nuclei, args.gz, args.shown, args.keep_parts)
    cards = partial(cards_of, device, args.gpu)
    with on_cluster(args.cluster, run_on, run_here, args.workers, cards) as run_tiles:
        results = screen_images(images, out, settings, *more, run=run_tiles, say=_say)
    for line in (line for result in results for line in result.lines()):
        print(line, file=sys.stderr if line.startswith("!!") else sys.stdout)
    if len(results) > 1:
        print(f"a row an image: {out / 'summary.html'}")
    print(f"not a medical device; every cell, sorted by score: {out / 'gallery.html'}")
    return PARTLY if any(result.damages or result.undone for result in results) else 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    run(main)
