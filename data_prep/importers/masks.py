"""Masks beside images: a label map, in which each number is one nucleus, or a mask of a single nucleus.

A mask has its image's name, as it is in a folder of masks, or with one of the endings below. All its nuclei are of one
class: the name of its folder, where that is a class, else `nucleus`, which `classes` says the meaning of.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import find_objects

from data_prep.classes import known_class
from data_prep.importers.image_index import is_image, plain
from data_prep.importers.labelled import Labelled, Source, masked
from data_prep.nucleus import nucleus_pixels, one_piece, require_background
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_mask

NAME = "masks"
ENDINGS = ("_mask", "-mask", "_masks", "_cp_masks", "_label", "_labels", "_labelmap", "_gt", "_seg", "-d")
FOLDERS = ("mask", "masks", "label", "labels", "labelmaps", "annotations", "gt", "groundtruth")
NUCLEUS = "nucleus"


def label_files(source: Source, files: list[Path]) -> list[Path]:
    """Images that are masks of others, by their names; beside them also those whose image is missing."""
    images = {plain(image.stem) for image in source.images.root_of if _image_stem(image) is None}
    named = {path: stem for path in files if is_image(path) and (stem := _image_stem(path)) is not None}
    folders = {path.parent for path, stem in named.items() if stem in images}
    return [path for path in named if path.parent in folders]


def _image_stem(path: Path) -> str | None:
    """The stem of the image that a mask belongs to; None for a file whose name is no mask's."""
    stem = plain(path.stem)
    for ending in ENDINGS:
        if stem.endswith(ending):
            return stem.removesuffix(ending)
    # masks may lie in one folder for each class
    folder = path.parent.parent if known_class(path.parent.name) else path.parent
    return stem if plain(folder.name) in FOLDERS else None


def read(path: Path, source: Source) -> Iterator[Labelled]:
    """The nuclei of one mask."""
    mask = read_mask(path)
    if mask.ndim == 3:
        mask = nucleus_pixels(path).astype(np.uint8)  # Herlev's colours
    if mask.dtype.kind not in "iu" or not mask.any():
        found = f"colours, or {mask.dtype} without any"
        raise UserError(path, "a mask with nuclei", found, "Save the label map itself.")
    image = _image_of(path, source)
    height, width = source.images.size(image)
    if mask.shape != (height, width):
        found = f"{mask.shape[1]} x {mask.shape[0]}"
        raise UserError(path, f"a mask of its image's size {width} x {height}", found, "Get both from one place.")
    require_background(path, mask)
    folders = path.parent.relative_to(source.path).parts if source.path.is_dir() else ()
    kind = next((name for name in reversed(folders) if known_class(name)), NUCLEUS)
    found, numbered = np.unique(mask, return_inverse=True)
    numbered = numbered.reshape(mask.shape) + (found[0] != 0)  # 0 stays the background where there is none
    for index, place in enumerate(find_objects(numbered), 1):
        where = f"{path}, number {found[found > 0][index - 1]}"
        with source.reading(where, "a nucleus"):
            nucleus = one_piece(where, numbered[place], index)
            yield Labelled(where, image, kind, **masked(where, nucleus, place[1].start, place[0].start))


def _image_of(path: Path, source: Source) -> Path:
    """The image beside the mask or, where masks have a folder of their own, wherever it lies."""
    stem = _image_stem(path) or plain(path.stem)
    others = [image for image in source.images.by_stem[stem] if image != path and _image_stem(image) is None]
    beside = [image for image in others if image.parent == path.parent] or others
    image = beside[0] if len(beside) == 1 else source.images.find(stem, path)
    if image == path:
        raise UserError(path, "an image of the mask's name", f"none called {stem}", "Rename it, or remove the mask.")
    return image
