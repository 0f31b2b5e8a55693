"""Packing what a machine with a GPU and nothing else needs, small; unpacking gives every file back to the byte."""

import io
import lzma
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from common.errors import UserError
from common.files import complete_or_absent, human

BMP_HEADER = 54  # bytes, where the pixels begin at once
LOSSLESS = [cv2.IMWRITE_WEBP_QUALITY, 101]
LIMIT = 60_000_000
# the C and C++ run time and NVIDIA's driver: that machine has its own, newer or fitting its card
SYSTEM = (
    "libc.",
    "libm.",
    "libdl.",
    "librt.",
    "libpthread.",
    "ld-linux",
    "libstdc++",
    "libgcc_s",
    "linux-vdso",
    "libcuda.",
)
NVIDIA = ("libcudart", "libcublas", "libcurand", "libcudnn", "libnccl", "libnvrtc", "libnvJitLink")


def pack_images(images: Sequence[Path], root: Path, out: Path) -> None:
    """Pack BMP images of 24 bits as lossless WebP, with what else their files hold; a third of their size."""
    with complete_or_absent(out) as partial, tarfile.open(partial, "w") as archive:
        for image in images:
            data = image.read_bytes()
            packed = _packed(data)
            if packed is None or _unpacked(packed) != data:
                raise UserError(image, "a plain BMP of 24 bits", "another kind", "Leave it out.")
            _add(archive, str(image.relative_to(root)), packed)


def unpack_images(archive: Path, root: Path) -> int:
    """Write back the files that pack_images took; returns how many."""
    count = 0
    with tarfile.open(archive) as members:
        for member in members:
            target = root / member.name
            if not target.resolve().is_relative_to(root.resolve()):
                raise UserError(archive, "files inside its folder", member.name, "Make the bundle again.")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_unpacked(members.extractfile(member).read()))
            count += 1
    return count


def _rows(data: bytes) -> tuple[int, int, int]:
    """Height, width and bytes that fill up each row, by a BMP's header."""
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(height), width, -3 * width % 4


def _packed(data: bytes) -> bytes | None:
    """Header, the rows' fill (real files have other bytes than zeros there), then the pixels in the file's order."""
    height, width, fill = _rows(data)
    if len(data) != BMP_HEADER + height * (3 * width + fill):
        return None
    rows = np.frombuffer(data, np.uint8, offset=BMP_HEADER).reshape(height, 3 * width + fill)
    pixels = np.ascontiguousarray(rows[:, : 3 * width]).reshape(height, width, 3)
    return data[:BMP_HEADER] + rows[:, 3 * width :].tobytes() + cv2.imencode(".webp", pixels, LOSSLESS)[1].tobytes()


def _unpacked(packed: bytes) -> bytes:
    height, width, fill = _rows(packed)
    start = BMP_HEADER + height * fill
    pixels = cv2.imdecode(np.frombuffer(packed, np.uint8, offset=start), cv2.IMREAD_COLOR)
    filled = np.frombuffer(packed, np.uint8, height * fill, BMP_HEADER).reshape(height, fill)
    return packed[:BMP_HEADER] + np.hstack([pixels.reshape(height, 3 * width), filled]).tobytes()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def pack_files(files: Iterable[tuple[Path, str]], out: Path) -> None:
    """Pack (file, name) pairs into a .tar.xz."""
    with (
        complete_or_absent(out) as partial,
        lzma.open(partial, "wb", preset=9) as packed,
        tarfile.open(fileobj=packed, mode="w", dereference=True) as archive,
    ):
        for file, name in sorted(files, key=lambda pair: pair[1]):
            archive.add(file, name)


def caffe_files(build: Path, module: Path | None, work: Path) -> list[tuple[Path, str]]:
    """A finished build's programs, module and tests with the libraries they load, stripped; NVIDIA's left out."""
    programs = [build / "install/bin" / name for name in ("caffe", "compute_image_mean")]
    tests = build / "build/test/test.testbin"
    programs += [tests] if tests.exists() else []
    files = [(_stripped(program, work), f"caffe/bin/{program.name}") for program in programs]
    # a module of another Python lies elsewhere and does not find its own library
    folders = (build / "install/lib", build / "nvidia/lib64")
    for library in needed_libraries([*programs, *([module] if module else [])], folders):
        files.append((_stripped(library, work), f"caffe/lib/{library.name}"))
    python = build / "install/python"
    files += [(path, f"caffe/{path.relative_to(python.parent)}") for path in python.rglob("*.py")]
    files += [(path, f"caffe/{path.relative_to(python.parent)}") for path in python.rglob("*.npy")]
    own = module or python / "caffe/_caffe.so"
    files.append((_stripped(own, work), "caffe/python/caffe/_caffe.so"))
    data = build / "source/src/caffe/test/test_data"
    files += [(path, f"caffe/test/src/caffe/test/test_data/{path.name}") for path in data.glob("*")]
    return files


def needed_libraries(programs: Sequence[Path], folders: Sequence[Path]) -> list[Path]:
    """What the programs load, by the names they load it under."""
    command = ["env", f"LD_LIBRARY_PATH={':'.join(map(str, folders))}", "ldd", *map(str, programs)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {line.split("=>")[0].strip(): line.split("=>")[1].split("(")[0].strip() for line in lines if "=>" in line}
    missing = [name for name, path in found.items() if path == "not found" and not name.startswith(NVIDIA)]
    if missing:
        raise UserError(programs[0], "all its libraries", f"no {', '.join(missing)}", "Build Caffe again.")
    return [Path(path) for name, path in sorted(found.items()) if not name.startswith((*SYSTEM, *NVIDIA))]


def _stripped(file: Path, work: Path) -> Path:
    copy = work / file.name
    shutil.copy(file, copy)
    subprocess.run(["strip", "--strip-unneeded", str(copy)], check=True)
    return copy


def require_small(folder: Path) -> str:
    """The bundle's parts and their sizes; refused above the limit."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    total = sum(sizes.values())
    lines = [f"{name}: {human(size)}" for name, size in sizes.items()] + [f"in all: {human(total)}"]
    if total > LIMIT:
        raise UserError(folder, f"at most {human(LIMIT)}", human(total), "Leave a part out: see --help.")
    return "\n".join(lines)
