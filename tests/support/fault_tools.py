"""Means of breaking things: a real small disk, BMP files byte by byte, what a folder holds, a running training."""

import hashlib
import re
import struct
import subprocess
from pathlib import Path

import numpy as np

from tests.support.waiting import wait_until


class Disk:
    """A tmpfs of its own size."""

    def __init__(self, folder: Path, size: int):
        self.folder = folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.folder], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", self.folder], check=True)


def can_mount(scratch: Path) -> bool:
    """Whether this process may mount a tmpfs."""
    folder = scratch / "may_mount"
    folder.mkdir(exist_ok=True)
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    except FileNotFoundError:
        return False
    if done.returncode:
        return False
    subprocess.run(["umount", folder], check=True)
    return True


def bmp(width: int, height: int, bits: int = 24, pixels: bytes | None = None, claim: tuple | None = None) -> bytes:
    """A BMP file; `claim` writes another size into the header than the pixels have."""
    row = (width * bits + 31) // 32 * 4
    palette = b"".join(bytes((i, i, i, 0)) for i in range(2**bits)) if bits <= 8 else b""
    pixels = bytes(row * height) if pixels is None else pixels
    offset = 54 + len(palette)
    claimed = claim or (width, height)
    colours = len(palette) // 4
    info = struct.pack("<IiiHHIIiiII", 40, *claimed, 1, bits, 0, len(pixels), 2835, 2835, colours, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + info + palette + pixels


def filled_bmp(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A 24-bit BMP of one RGB colour but for its upper edge, which is black: no nucleus fills its image."""
    image = np.zeros((height, (width * 3 + 3) // 4 * 4), np.uint8)
    image[:-1, : width * 3] = np.tile(np.array(colour[::-1], np.uint8), width)
    return bmp(width, height, pixels=image.tobytes())


def final_names(folder: Path) -> dict[str, str]:
    """Sha256 of every file under `folder` that no dot hides, by relative path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def leftovers(folder: Path) -> list[str]:
    """Partial files that somebody left behind."""
    return [str(path) for path in folder.rglob("*") if path.name.endswith((".partial", ".old"))]


def flip_byte(path: Path, at: int) -> None:
    """Turn one byte of a file over."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xFF]))


def iterations(fold: Path) -> list[int]:
    """The iterations that a fold's log shows."""
    log = fold / "train.log"
    return [int(i) for i in re.findall(r"Iteration (\d+) \(", log.read_text())] if log.exists() else []


def caffe_of(tool: subprocess.Popen) -> int:
    """The process number of the `caffe train` that a tool started."""
    children = Path(f"/proc/{tool.pid}/task/{tool.pid}/children").read_text().split()
    names = {int(child): Path(f"/proc/{child}/comm").read_text() for child in children}
    return next(child for child, name in names.items() if name.startswith("caffe"))


def wait_for_iteration(fold: Path, after: int, tool: subprocess.Popen) -> None:
    """Wait until a training has logged an iteration later than `after`, or has ended."""
    wait_until(lambda: iterations(fold)[-1:] > [after] or tool.poll() is not None, "an iteration")
