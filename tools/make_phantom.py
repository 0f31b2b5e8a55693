#!/usr/bin/env python3
"""Draw synthetic cells for trying and testing: a data set, field images, or a slide."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import at_least_one
from deeppap.cli.tool import ToolParser, quoted, run

EPILOG = """\
  tools/make_phantom.py data/phantom             917 cells in the seven folders of Herlev's classes.
  tools/make_phantom.py data/small --cells 60    60 cells in these folders.
  tools/make_phantom.py data/hemlbc --manifest   1,978 cells and cells.csv.
  tools/make_phantom.py data/fields --fields 3   3 fields of up to 24 cells, 0.201 um per pixel, and nuclei.csv.
  tools/make_phantom.py data/slide.tif --slide 20000 --fields 40   A pyramidal TIFF of 20,000 x 20,000 pixels.

These are drawings: no figure obtained from them is a result. An existing folder is not changed.
"""


def main() -> None:
    """Draw, and print what was drawn."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("out", type=Path, help="folder (or slide file) to make")
    parser.add_argument("--cells", type=int, help="number of cells (default: as in the real set; of a field 24)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bytes")
    parser.add_argument("--manifest", action="store_true", help="in the shape of HEMLBC: images/, cells.csv, no masks")
    parser.add_argument("--fields", type=int, help="number of field images with their nuclei's centres, not cells")
    parser.add_argument(
        "--slide", type=at_least_one, metavar="PIXELS", help="a slide of this side, with --fields fields on it"
    )
    args = parser.parse_args()
    if args.slide or args.fields is not None:
        _draw_fields(args)
        return
    # imported here so that --help does not wait for them
    from data_prep.herlev_classes import CLASSES
    from deeppap.phantom.cell_set import make_phantom, make_phantom_manifest

    if args.manifest:
        print(make_phantom_manifest(args.out, args.cells, args.seed))
    else:
        counts = make_phantom(args.out, args.cells, args.seed)
        for entry, count in zip(CLASSES, counts, strict=True):
            print(f"{count:5d}  {entry.folder}")
        print(f"{sum(counts):5d}  cells in {args.out}")
    print(f"Next: tools/train.py --data {quoted(args.out)} --profile smallest")


def _draw_fields(args: argparse.Namespace) -> None:
    if args.slide:
        from deeppap.phantom.slide import make_slide

        slide = make_slide(args.out, args.slide, 40 if args.fields is None else args.fields, args.seed)
        count = sum(1 for _ in slide.centres())
    else:
        from deeppap.phantom.field import make_fields

        count = make_fields(args.out, args.fields, args.cells, args.seed)
    print(f"{count:5d}  cells in {args.out}")
    print(f"Next: tools/screen.py {quoted(args.out)} --mpp 0.201 --net models/herlev_cric")


if __name__ == "__main__":
    run(main)
