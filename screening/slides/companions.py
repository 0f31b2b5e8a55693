"""Slides that come in many files: which belong to the one that is named."""

from pathlib import Path

PIECES = {".dcm": (".dcm",), ".vms": (".jpg", ".jpeg", ".opt"), ".vmu": (".ngr", ".jpg", ".jpeg", ".opt")}


def companions(path: Path) -> list[Path]:
    """The other files that a slide is read from, by name; of most formats there are none."""
    suffix, beside = path.suffix.lower(), path.with_suffix("")
    if suffix == ".mrxs" and beside.is_dir():
        return sorted(beside.iterdir())
    return sorted(p for p in path.parent.iterdir() if p != path and p.suffix.lower() in PIECES.get(suffix, ()))


def is_piece(path: Path) -> bool:
    """Whether a picture in a folder is a piece of a slide there, and no image by itself."""
    owners = [suffix for suffix in (".vms", ".vmu") if path.suffix.lower() in PIECES[suffix]]
    return any(other.suffix.lower() in owners for other in path.parent.iterdir()) if owners else False
