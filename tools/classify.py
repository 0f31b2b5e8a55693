#!/usr/bin/env python3
"""Score your own cells with a trained net. For research only: this is not a medical device."""

import sys
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import (
    add_crops_option,
    add_device_options,
    add_engine_options,
    add_nets_option,
    add_threshold_option,
    centre,
    device_of,
)
from deeppap.cli.tool import ToolParser, quoted, run, to_stderr
from deeppap.io.errors import FieldError
from deeppap.records.structs import CLASSIFY_VIEWS

EPILOG = """\
  tools/classify.py cell.png --centre 61,48 --mpp 0.25 --net runs/herlev-cell-paper/fold0
  tools/classify.py field.png --centre 61,48 --centre 210,300 --mpp 0.25 --net RUN/fold0 --views 10
  tools/classify.py --csv cells.csv --net RUN/fold0 --out scores.csv     (columns image, nucleus_x, nucleus_y, pixel_um)
  tools/classify.py cell.png --centre 61,48 --mpp 0.25 --net RUN/fold0 --heatmap heatmap.png
  tools/classify.py cell.png --centre 61,48 --mpp 0.25 --net herlev-field

A centre is that of the nucleus in pixels, 0-based, x (column) first. The images are resampled to the pixel size of the
net (Herlev: 0.201 um), so give theirs: --mpp, or a column pixel_um. The output is CSV: image, centre, score (the
probability of abnormal), standard deviation over the views, what the cell is called, and whether it is out of
distribution. If it is, its score means little (docs/explanation/out-of-distribution.md). A cell is called abnormal at a
score of --threshold or more (docs/how-to/choose-a-threshold.md), otherwise normal. A net of several classes adds the
probability of each, and may call a cell junk or the like.
"""


def main() -> None:
    """Score and print."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("image", nargs="?", type=Path, help="colour image, 8 bits per channel")
    parser.add_argument(
        "--centre", type=centre, action="append", default=[], metavar="X,Y", help="nucleus centre; may be repeated"
    )
    parser.add_argument("--csv", type=Path, help="cells of many images instead")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the CSV here instead of printing it")
    parser.add_argument("--mpp", type=float, help="micrometres per pixel of the images (a list: or its pixel_um)")
    add_nets_option(parser)
    parser.add_argument(
        "--views", type=int, default=CLASSIFY_VIEWS, help="views of each cell (turned and shifted), 1 to 100"
    )
    add_crops_option(parser)
    add_threshold_option(parser)
    parser.add_argument("--heatmap", type=Path, metavar="FILE", help="PNG: how much each pixel adds to the score")
    add_device_options(parser)
    add_engine_options(parser)
    args = parser.parse_args()
    if bool(args.csv) == bool(args.image):
        raise FieldError("image", "an image with `centre`, or `csv`", "both or neither", "Give one of them.")
    if args.csv and args.centre:
        raise FieldError("centre", "none with `csv`, which has a centre in each line", "one", "Leave one of them out.")
    if args.image and not args.centre:
        raise FieldError("centre", "at least one X,Y", "none", "Give the nucleus centre in pixels.")
    # imported here so that --help does not wait for them
    from deeppap.scoring.classify import (
        cells_in_csv,
        cells_in_image,
        images_of,
        require_writable,
        score_given,
        to_csv,
        write_csv,
    )
    from deeppap.scoring.ood import share_line
    from deeppap.scoring.open_nets import open_nets
    from deeppap.scoring.thresholds import require_threshold

    device = device_of(args)
    models = open_nets(args.net, to_stderr)
    limit, said = require_threshold(models, args.threshold)
    choice = models[0].views(args.views)
    sizes = models[0].run.dataset.pixel_um, args.mpp
    if args.csv:
        cells = cells_in_csv(args.csv, choice, *sizes)
    else:
        cells = cells_in_image(args.image, args.centre, choice, *sizes)
    # what is read must not be overwritten
    read = [*([args.csv] if args.csv else []), *images_of(cells)]
    if args.out:
        require_writable(args.out, read)
    if args.heatmap:
        from deeppap.studies.heatmap_picture import require_picture, write_heatmap_picture

        require_picture(args.heatmap, len(cells), len(models))
        require_writable(args.heatmap, [*read, *([args.out] if args.out else [])])
    for model in models:
        model.say_unused(args.mpp)
    scores = score_given(models, device, cells, choice, to_stderr, limit, args.crops)
    if args.threshold:
        to_stderr(said)
    if args.out:
        marks = write_csv(scores, models[0].outputs, len(cells), args.out, bool(args.threshold))
        print(f"{args.out}: {len(cells)} cells")
        print(f"Next: tools/screen.py IMAGES --net {quoted(args.net)}, which finds the nuclei itself")
    else:
        marks = to_csv(scores, models[0].outputs, sys.stdout, bool(args.threshold))
    if line := share_line(marks):
        to_stderr(line)
    if args.heatmap:
        write_heatmap_picture(args.heatmap, models[0], cells, choice)


if __name__ == "__main__":
    run(main)
