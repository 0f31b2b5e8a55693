#!/usr/bin/env python3
"""Pack Caffe's CUDA build, Herlev, weights and this project for a machine that has a GPU and no network."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from common.cli import run

EPILOG = """\
Make the build first, without OpenCV:   OPENCV=0 CUDA_ARCH=90 make caffe-cuda-check
and, for that machine's Python, the module:   third_party/caffe/pycaffe_for.sh /path/to/python3.12 BUILD _caffe.so
There:   sh BUNDLE/gpu_session.sh device gtest agree time score train

  tools/gpu_bundle.py --build ~/.cache/deeppap/caffe-cuda-0123456789abcdef --module _caffe.so --out bundle
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=Path, help="a finished build (default: none, Caffe is left out)")
    parser.add_argument("--module", type=Path, help="_caffe.so for that machine's Python (default: this Python's)")
    parser.add_argument("--data", type=Path, help="a folder in Herlev's shape (default: none, images are left out)")
    parser.add_argument("--weights", type=Path, help="source .caffemodel (default: none)")
    parser.add_argument("--python", default="3.12", help="that machine's Python (default: 3.12)")
    parser.add_argument(
        "--packages", default="lmdb,protobuf", help="pinned packages that it lacks (default: lmdb,protobuf)"
    )
    parser.add_argument("--out", type=Path, default=Path("bundle"), help="folder to make (default: bundle)")
    return parser.parse_args()


def main() -> None:
    """Make the bundle and print its sizes."""
    args = arguments()
    from benchmarks.gpu.bundle import Contents, make_bundle

    packages = tuple(args.packages.split(",")) if args.packages else ()
    print(make_bundle(args.out, Contents(args.build, args.module, args.data, args.weights, args.python, packages)))


if __name__ == "__main__":
    run(main)
