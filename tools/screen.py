#!/usr/bin/env python3
"""Find and score every cell of field images and slides. For research only: this is not a medical device."""

import os
import shlex
from functools import partial
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import (
    add_cluster_option,
    add_detector_options,
    add_device_options,
    add_engine_options,
    add_nets_option,
    add_threshold_option,
    at_least_one,
    device_of,
)
from deeppap.cli.tool import ToolParser, label_words, run, to_stderr
from deeppap.io.errors import FieldError

PARTLY = 3  # exit status if a part of an image could not be read or was given up; all else was done

EPILOG = """\
  tools/screen.py fields/ --mpp 0.25 --net runs/herlev-cell-quick/fold0
  tools/screen.py slide.svs --net herlev-field
  tools/screen.py slides/ --net herlev-field --cluster local --workers 8
  tools/screen.py slide.svs --net herlev-field --nuclei corrected.geojson --out screen/corrected

Files in --out: cells.csv, cells.parquet, gallery.html, screen.json. For each image, a folder with cells.geojson
(detections for QuPath), worst.geojson and uncertain.geojson (annotations) and overlay.png. For several images also
summary.html, with one row per image, and a gallery.html for each of them. Cells are labelled in the gallery: see
docs/how-to/label-adapt-screen.md. After an interruption, the same command does what is missing.
docs/how-to/screen-fields.md is the guide. The exit status is 3 if a part of an image could not be read.
"""


def add_options(parser: ToolParser) -> None:
    """The options of this tool alone, and those of the cells it scores."""
    parser.add_argument("image", nargs="+", type=Path, help="images, slides, or folders of them")
    add_nets_option(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="results (default: screen/<image or folder>)")
    parser.add_argument("--mpp", type=float, help="micrometres per pixel, if the file does not state it or is wrong")
    parser.add_argument("--training-mpp", type=float, help="micrometres per pixel at training, if not stated")
    add_detector_options(parser)
    parser.add_argument("--nuclei", type=Path, help="score these nuclei of one image: .geojson, .geojson.gz or .csv")
    parser.add_argument("--views", type=int, help="views of each cell (turned and shifted), 1 to 100 (default: 5)")
    parser.add_argument("--crops", type=int, help="crops (cut-outs) of each view, 1 to 10 (default: 1)")
    add_threshold_option(parser)
    parser.add_argument("--grey-as-colour", action="store_true", help="score grey images too")
    parser.add_argument("--shown", type=int, default=500, help="cells in the gallery, those of the highest scores")
    parser.add_argument("--choose", type=int, default=50, help="cells that the gallery offers to label first")
    parser.add_argument("--score-colours", action="store_true", help="give each object in GeoJSON its score's colour")
    parser.add_argument("--gz", action="store_true", help="write .geojson.gz")
    parser.add_argument("--tile", type=int, default=2048, help="side of a tile in pixels")
    parser.add_argument("--keep-parts", action="store_true", help="keep the cells of each tile beside the results")
    replaced = "replace the results of another net, detector or threshold in --out"
    parser.add_argument("--overwrite", action="store_true", help=replaced)
    add_cluster_option(parser)
    processes = "processes of --cluster local (default: one per core, or per GPU)"
    parser.add_argument("--workers", type=at_least_one, help=processes)
    add_device_options(parser)
    add_engine_options(parser)


def run_on_workers(client):
    """What runs the tiles on a cluster; imported only if there is one."""
    from deeppap.screening.cluster_tiles import run_on

    return run_on(client)


def main() -> int:
    """Screen, and print what was found."""
    parser = ToolParser(__doc__, EPILOG)
    add_options(parser)
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.cluster.connect import on_cluster
    from deeppap.engines.device import gpus_for_workers
    from deeppap.scoring.open_nets import open_nets
    from deeppap.scoring.thresholds import short
    from deeppap.screening.parts import require_parquet
    from deeppap.screening.plan import settings_of
    from deeppap.screening.results import Outputs, counts_text
    from deeppap.screening.screen_images import run_here, screen_images
    from deeppap.screening.slides.open_slide import find_images

    require_parquet()
    images = find_images(args.image)
    if args.nuclei and len(images) != 1:
        raise FieldError("nuclei", "one image, whose nuclei they are", f"{len(images)}", "Screen them one by one.")
    if not 1 <= args.shown <= 5000:
        raise FieldError("shown", "1 to 5000 cells", f"{args.shown}", "The page holds their pictures.")
    if not 0 <= args.choose <= 5000:
        raise FieldError("choose", "0 to 5000 cells", f"{args.choose}", "The page holds their pictures.")
    device = device_of(args)
    models = open_nets(args.net, to_stderr)
    counts = (args.views, args.crops, args.grey_as_colour, args.confidence, args.training_mpp, args.tile)
    settings = settings_of(models, device, args.detector, *counts, args.threshold, to_stderr)
    # what was given, or the folder that holds all of it
    at = args.image[0] if len(args.image) == 1 else Path(os.path.commonpath([path.absolute() for path in args.image]))
    # the results of a folder are named after it, those of an image without the image's ending
    name = at.resolve().name if at.is_dir() else at.stem
    out = args.out or Path("screen") / (name or "images")
    outputs = Outputs(args.gz, args.shown, args.choose, args.score_colours)
    more = (args.mpp, args.nuclei, outputs, args.keep_parts, args.overwrite)
    cards = partial(gpus_for_workers, device, args.gpu)
    with on_cluster(args.cluster, run_on_workers, run_here, args.workers, cards) as run_tiles:
        results = screen_images(images, out, settings, *more, run=run_tiles, say=to_stderr)
    for result in results:
        print("\n".join(filter(None, (result.line(), result.given_line()))))
        for line in result.warnings():
            to_stderr(f"!! {line}")
    if len(results) > 1:
        print(f"total of {len(results)} images: {counts_text(results)}")
    called = f"A cell is called abnormal if its score, P(abnormal), is {short(settings.threshold)} or more."
    print(f"{called} This is not a medical device.")
    if any(result.out_of_distribution for result in results):
        print("Scores of cells out of distribution mean little (docs/explanation/out-of-distribution.md).")
    if len(results) > 1:
        print(f"overview of the images: {out / 'summary.html'}")
    print(f"cells to look at and to label: {out / 'gallery.html'}")
    # labels.csv names images without their folders: another folder may have an image of the same name
    alone = len(args.image) == 1 or len({path.parent for path in images}) > 1
    given = args.image if alone else [images[0].parent]
    words = " ".join(f"--images {shlex.quote(str(path))}" for path in given)
    print(f"Next: label cells there, then tools/import_labels.py {label_words(words)}")
    return PARTLY if any(result.unreadable or result.not_screened for result in results) else 0


if __name__ == "__main__":
    run(main)
