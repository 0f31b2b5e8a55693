"""Folders of single-cell images, a folder a class: SIPaKMeD and Herlev as downloaded, and any other."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep import herlev
from data_prep.herlev_classes import CLASSES as HERLEV
from data_prep.importers.image_index import is_image, walk
from data_prep.importers.labelled import HALF, Box, Labelled, Source, outlined
from deeppap.io.errors import UserError

SIPAKMED = ("im_Superficial-Intermediate", "im_Parabasal", "im_Koilocytotic", "im_Dyskeratotic", "im_Metaplastic")
CROP = re.compile(r"(\d+)_(\d+)")  # SIPaKMeD: cluster and cell, as in CROPPED/001_02.bmp
IN_CLUSTER = re.compile(r"(\d+)_nuc(\d+)\.dat")  # the same nucleus in the picture of the whole cluster, 001.bmp


NAME = "class folders"


def label_files(source: Source, files: list[Path]) -> list[Path]:
    """The folder itself, where it is one of the two known sets; any other is read where nothing else can be."""
    return [source.path] if _known_set(source.path) else []


def _known_set(folder: Path) -> str | None:
    names = {path.name for path in folder.iterdir() if path.is_dir()}
    if len(names & set(SIPAKMED)) > 1:
        return "SIPaKMeD"
    return "Herlev" if len(names & {one.folder for one in HERLEV}) > 1 else None


def read(folder: Path, source: Source) -> Iterator[Labelled]:
    """The cells of all class folders."""
    known = _known_set(folder)
    source.format = known or NAME
    yield from {"SIPaKMeD": _sipakmed, "Herlev": _herlev}.get(known, _any)(folder, source)


def _herlev(folder: Path, source: Source) -> Iterator[Labelled]:
    dataset = herlev.read_herlev(folder, allow_partial=True)
    for cell in dataset.cells:
        about = {"group": cell.group, "id": cell.id, "pixel_um": dataset.pixel_um, "centre_from": "mask"}
        yield Labelled(str(cell.image), cell.image, cell.kind, cell.centre, **about)


def _any(folder: Path, source: Source) -> Iterator[Labelled]:
    """Each image is a cell of the class that its folder is called."""
    # `images` may name folders elsewhere, whose pictures are no cells of classes
    for path in source.images.root_of:
        if path.is_relative_to(folder):
            if path.parent == folder:
                source.left_out["images in no class folder"].append(str(path))
            else:
                yield from _crop(path, path.parent.name, None, source)


def _crop(path: Path, kind: str, group: str | None, source: Source) -> Iterator[Labelled]:
    """A picture of one cell: its nucleus lies somewhere in it."""
    with source.reading(str(path), "an image of one cell"):
        height, width = source.images.size(path)
        yield Labelled(str(path), path, kind, None, Box.of_corners(0, 0, width, height), group=group)


def _sipakmed(folder: Path, source: Source) -> Iterator[Labelled]:
    """Each cell once: in its cluster's picture where its nucleus is drawn there, else as a crop.

    A crop is so tight that what surrounds it, made up, would tell the class; a cluster's picture has real surroundings.
    """
    for kind in SIPAKMED:
        files = list(walk(folder / kind)) if (folder / kind).is_dir() else []
        named = {path.name.lower(): path for path in files}
        clusters = {path.stem: path for path in files if is_image(path)}
        cells: dict[tuple[str, int], list[Labelled]] = {}
        for path in files:
            found = IN_CLUSTER.fullmatch(path.name.lower())
            if found and found[1] in clusters:
                group = f"{kind}_{found[1]}"
                cells[found[1], int(found[2])] = list(_drawn(path, clusters[found[1]], kind, group, source))
        # second: a crop counts only where its cluster's picture lacks the nucleus
        for path in files:
            found = CROP.fullmatch(path.stem) if is_image(path) else None
            if found and (found[1], int(found[2])) not in cells:
                drawn, group = named.get(f"{path.stem}_nuc.dat"), f"{kind}_{found[1]}"
                place = _drawn(drawn, path, kind, group, source) if drawn else _crop(path, kind, group, source)
                cells[found[1], int(found[2])] = list(place)
        for found in cells.values():
            yield from found


def _drawn(path: Path, image: Path, kind: str, group: str, source: Source) -> Iterator[Labelled]:
    """A nucleus whose outline is a .dat file: a line a corner, x and y."""
    with source.reading(str(path), "an outline, x and y a line"):
        try:
            corners = np.array([re.split(r"[,;\s]+", line.strip()) for line in path.open() if line.strip()], float)
        except ValueError as error:
            raise UserError(path, "two numbers a line", str(error)[:60], "Download it again.") from None
        place = outlined(str(path), [corners.reshape(-1, 2) - HALF])
        yield Labelled(str(path), image, kind, **place, group=group)
