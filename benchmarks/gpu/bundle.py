"""Packing Caffe, data and this project, small, for a machine that has a GPU and no network."""

import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.caffe_files import caffe_files
from benchmarks.gpu.images import pack_images
from common.caffe_messages import ROOT
from common.errors import UserError
from common.files import complete_or_absent, human

LIMIT = 60_000_000
MANYLINUX = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle beside the project itself; None or nothing is left out.

    `module` is a _caffe.so for the other machine's Python, `packages` are names in requirements.txt.
    """

    build: Path | None = None
    module: Path | None = None
    data: Path | None = None
    weights: Path | None = None
    python: str = "3.12"
    packages: tuple[str, ...] = ()


def make_bundle(out: Path, contents: Contents) -> str:
    """Make the folder `out`, which must not exist; returns its parts and their sizes, a line each.

    Raises
    ------
    UserError
        If the folder is there already, a part cannot be had, or all of them are too large together.
    """
    if out.exists():
        raise UserError(out, "no folder of that name", "one", "Remove it, or give another --out.")
    out.mkdir(parents=True)
    pack_files(_project(), out / "project.tar.xz")
    shutil.copy(ROOT / "tools/gpu_session.sh", out)
    if contents.build:
        with tempfile.TemporaryDirectory() as work:
            pack_files(caffe_files(contents.build, contents.module, Path(work)), out / "caffe.tar.xz")
    if contents.data:
        _pack_data(contents.data, out)
    if contents.weights:
        shutil.copy(contents.weights, out / "weights.caffemodel")
    if contents.packages:
        _fetch_packages(contents, out)
    return require_small(out)


def _project() -> list[tuple[Path, str]]:
    """Every file of the project as it lies here, committed or not."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    return [(ROOT / name, name) for name in names if (ROOT / name).is_file()]


def _pack_data(data: Path, out: Path) -> None:
    masks = sorted(data.glob("*/*-d.bmp"))
    pack_files(((path, str(path.relative_to(data))) for path in masks), out / "masks.tar.xz")
    pack_images(sorted(set(data.glob("*/*.[bB][mM][pP]")) - set(masks)), data, out / "images.tar")


def _fetch_packages(contents: Contents, out: Path) -> None:
    """The pinned packages' wheels for the other machine's Python."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    pins = [pin for pin in pins if pin.split("==")[0] in contents.packages]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(out)]
    platforms = [word for tag in MANYLINUX for word in ("--platform", tag)]
    if subprocess.run([*command, "--python-version", contents.python, *platforms, *pins]).returncode:
        raise UserError("--packages", "wheels that pip can fetch", "pip's words above", "Carry them by hand.")


def pack_files(files: Iterable[tuple[Path, str]], out: Path) -> None:
    """Pack (file, name) pairs into a .tar.xz."""
    with (
        complete_or_absent(out) as partial,
        lzma.open(partial, "wb", preset=9) as packed,
        tarfile.open(fileobj=packed, mode="w", dereference=True) as archive,
    ):
        for file, name in sorted(files, key=lambda pair: pair[1]):
            archive.add(file, name)


def require_small(folder: Path) -> str:
    """The bundle's parts and their sizes; refused above the limit."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    total = sum(sizes.values())
    lines = [f"{name}: {human(size)}" for name, size in sizes.items()] + [f"in all: {human(total)}"]
    if total > LIMIT:
        raise UserError(folder, f"at most {human(LIMIT)}", human(total), "Leave a part out: see --help.")
    return "\n".join(lines)
