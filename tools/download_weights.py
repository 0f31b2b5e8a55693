#!/usr/bin/env python3
"""Download bvlc_reference_caffenet.caffemodel to models/ and verify its SHA-1."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.tool import ToolParser, run

EPILOG = """\
  tools/download_weights.py

A file that is there already and has the right SHA-1 is kept. Because of that checksum, any address may be given.
"""


def main() -> None:
    """Download the weights and print where they are."""
    parser = ToolParser(__doc__, EPILOG)
    parser.add_argument("--url", action="append", default=[], help="address to try first; may be repeated")
    parser.add_argument("--out", type=Path, help="file to write (default: in models/bvlc_reference_caffenet/)")
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.io.pinned import MODEL, facts
    from deeppap.training.download import download

    known = facts()
    target = args.out or MODEL / known["caffemodel"]
    print(download(target, [*args.url, known["caffemodel_url"]], known["sha1"]))
    print("Next: tools/train.py --data MY_CELLS")


if __name__ == "__main__":
    run(main)
