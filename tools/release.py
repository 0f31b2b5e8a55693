#!/usr/bin/env python3
"""Write the trained nets of a run for use elsewhere, with ONNX graphs, checksums and model cards."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import whole_numbers
from deeppap.cli.tool import ToolParser, quoted, run
from deeppap.io.errors import FieldError

LEAVE = "Leave `folds` and `without_onnx` out."

EPILOG = """\
  tools/release.py runs/herlev-field-medium-last --out herlev-field
  tools/release.py models/herlev_cric --out herlev_cric_onnx
  tools/classify.py cell.png --centre 61,48 --mpp 0.25 --net herlev-field

For each fold: weights, mean image, deploy.prototxt, model card (readme.md) and ONNX graphs. onnx/crops.onnx takes what
Caffe's deploy net takes: float32 crops (N, 3, 227, 227), BGR, mean subtracted, as `data`. onnx/views.onnx takes whole
views, uint8 (N, 256, 256, 3), BGR, as `views`; mean, crops, mirroring and averaging are in the graph. Both return
`prob`. Each graph is compared with Caffe, layer by layer, on views of test cells. A release without graphs is written
again with them; it has no image of a cell, so they are compared on drawn cells.

A release has no image and no score of a cell. It has the cells' ids (split.json) and checksums of the images, by which
tools/validate.py refuses to test a net on images that it was trained on.
"""


def main() -> None:
    """Write the release and print where it is."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder that tools/cross_validate.py made, or a release")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder to write (default: <the run's name>-release)"
    )
    parser.add_argument("--folds", type=whole_numbers, help="only the nets of these folds, such as 0,2 (default: all)")
    parser.add_argument("--without-onnx", action="store_true", help="write no ONNX graphs; needs no `make engines`")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.engines.device import resolve
    from deeppap.records.run_folder import is_release
    from deeppap.studies.release import release, with_onnx

    # comparing the graphs with Caffe is a matter of one cell: no GPU is worth its start
    resolve("none")
    out = args.out or Path(f"{args.run.resolve().name}-release")
    if is_release(args.run):
        if args.folds or args.without_onnx:
            raise FieldError("run", "with these options a run", "a release, which gets graphs of all its nets", LEAVE)
        with_onnx(args.run, out)
    else:
        release(args.run, out, args.folds, onnx=not args.without_onnx)
    print(f"{out} written")
    print(f"Next: tools/screen.py IMAGES --net {quoted(out)}")


if __name__ == "__main__":
    run(main)
