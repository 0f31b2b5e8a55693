"""Slides that come in many files: which belong to the one that is named."""

from collections.abc import Iterable
from pathlib import Path

PIECES = {".dcm": (".dcm",), ".vms": (".jpg", ".jpeg", ".opt"), ".vmu": (".ngr", ".jpg", ".jpeg", ".opt")}


def companions(path: Path) -> list[Path]:
    """The other files that a slide is read from, by name; of most formats there are none."""
    suffix, beside = path.suffix.lower(), path.with_suffix("")
    if suffix == ".mrxs" and beside.is_dir():
        return sorted(beside.iterdir())
    if not (kinds := PIECES.get(suffix)):
        return []
    return sorted(p for p in path.parent.iterdir() if p != path and p.suffix.lower() in kinds)


def without_pieces(images: Iterable[Path]) -> list[Path]:
    """A folder's images without those that are pieces of one of them; any of DICOM's files may be the named one."""
    found = list(images)
    owners = {p.suffix.lower() for p in found} & PIECES.keys() - {".dcm"}
    pieces = {kind for owner in owners for kind in PIECES[owner]}
    return [p for p in found if p.suffix.lower() not in pieces]
