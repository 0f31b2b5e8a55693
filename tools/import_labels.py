#!/usr/bin/env python3
"""Make a data set of labelled images: QuPath, COCO, YOLO, VOC, LabelMe, CSV, masks, SIPaKMeD, CRIC, class folders."""

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import _venv  # noqa: F401

from deeppap.cli.options import above_zero
from deeppap.cli.tool import ToolParser, run, with_options

if TYPE_CHECKING:
    import numpy as np

    from deeppap.screening.nuclei.detector import NucleusDetector

# below the detector's own: that there is a nucleus is known here, the question is just where
CONFIDENCE = 0.1
EPILOG = """\
  tools/import_labels.py qupath_export/ --images slides/ --out my_cells --mpp 0.25
  tools/import_labels.py coco.json --out my_cells --classes "Normal=NILM,junk=-"
  tools/import_labels.py my_cells/ labels.csv --images fields/ --out my_cells_2
  tools/import_labels.py sipakmed/ --out sipakmed_cells --mpp 0.15 --find-nucleus

The folder OUT is written complete or not at all: images/, cells.csv, import_check.png and import_summary.txt. All
mistakes are listed at once. docs/how-to/import-labels.md describes the formats and the names of classes.
"""


@cache
def detector() -> "NucleusDetector":
    """Opened once for all images."""
    from deeppap.screening.nuclei.detector import NucleusDetector

    return NucleusDetector(confidence=CONFIDENCE)


def nuclei_of(image: "np.ndarray", mpp: float) -> "np.ndarray":
    """The nuclei that the detector finds, float64 (N, 2) of x and y."""
    import numpy as np

    found = detector().detect(image, mpp)
    return np.array([(nucleus.x, nucleus.y) for nucleus in found]).reshape(-1, 2)


def main() -> None:
    """Import, and print the summary."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("source", nargs="+", type=Path, metavar="SOURCE", help="files or folders of labels")
    where = "folder of the images, or the image; may be repeated (default: beside the labels)"
    parser.add_argument("--images", type=Path, action="append", default=[], help=where)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--classes", default="", help='meaning of class names, such as "Normal=NILM,junk=-"')
    parser.add_argument("--mpp", type=above_zero, help="micrometres per pixel of the images")
    parser.add_argument("--find-nucleus", action="store_true", help="find the nucleus in each box or single-cell image")
    parser.add_argument("--reviewed", action="store_true", help="use a net's classes too: a person checked all")
    parser.add_argument("--xy-is-centre", action="store_true", help="x, y of a table's boxes are their centres")
    args = parser.parse_args()
    from data_prep.importers.gather import gather
    from data_prep.importers.write import CheckPicture, require_place, write
    from deeppap.screening.slides.slide_fields import SlideFields

    require_place(args.out, [*args.source, *args.images])
    picture, find = CheckPicture(), nuclei_of if args.find_nucleus else None
    asked = (args.images, args.classes, args.mpp, find, args.xy_is_centre, args.reviewed)
    slides = SlideFields(args.out)
    found = gather(args.source, *asked, picture.add, slides)
    for line in write(found, args.out, picture, with_options):
        print(line, file=sys.stderr if line.startswith("!!") else sys.stdout)


if __name__ == "__main__":
    run(main)
