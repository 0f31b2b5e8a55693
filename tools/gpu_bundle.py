#!/usr/bin/env python3
"""Pack Caffe's CUDA build, Herlev, weights and this project for a machine that has a GPU and no network."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import _venv  # noqa: F401

from common.cli import run
from common.errors import UserError

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
    from benchmarks.gpu.bundle import caffe_files, pack_files, pack_images, require_small

    if args.out.exists():
        raise UserError(args.out, "no folder of that name", "one", "Remove it, or give another --out.")
    args.out.mkdir(parents=True)
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True)
    pack_files(
        ((root / name, name) for name in listed.stdout.split("\n") if (root / name).is_file()),
        args.out / "project.tar.xz",
    )
    shutil.copy(root / "tools/gpu_session.sh", args.out)
    if args.build:
        with tempfile.TemporaryDirectory() as work:
            pack_files(caffe_files(args.build, args.module, Path(work)), args.out / "caffe.tar.xz")
    if args.data:
        masks = sorted(args.data.glob("*/*-d.bmp"))
        pack_files(((path, str(path.relative_to(args.data))) for path in masks), args.out / "masks.tar.xz")
        images = sorted(set(args.data.glob("*/*.[bB][mM][pP]")) - set(masks))
        pack_images(images, args.data, args.out / "images.tar")
    if args.weights:
        shutil.copy(args.weights, args.out / "weights.caffemodel")
    if args.packages:
        _packages(args, root)
    print(require_small(args.out))


def _packages(args: argparse.Namespace, root: Path) -> None:
    names = tuple(args.packages.split(","))
    pins = [line for line in (root / "requirements.txt").read_text().split() if line.split("==")[0] in names]
    tags = [
        word
        for tag in ("2_28", "2_17", "2014")
        for word in ("--platform", f"manylinux{'_' * (tag != '2014')}{tag}_x86_64")
    ]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(args.out)]
    done = subprocess.run([*command, "--python-version", args.python, *tags, *pins])
    if done.returncode:
        raise UserError("--packages", "wheels that pip can fetch", "pip's words above", "Carry them by hand.")


if __name__ == "__main__":
    run(main)
