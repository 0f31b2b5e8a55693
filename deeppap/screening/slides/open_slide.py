"""Opening an image of any format, and finding the images that a user names."""

from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.image_file import SLIDES, files_of, is_tiff, read_field
from deeppap.io.names import require_printable
from deeppap.screening.slides.slide import Box, Damage, Slide

SUFFIXES = (".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".btf", ".tf8", *SLIDES)
# names in the folder of results, which has a folder for each image as well
PARTS, RECORD = "parts", "screen.json"
RESULTS = ("cells.csv", "cells.parquet", "gallery.html", "summary.html", RECORD)
# slides that come in many files: the extension of the one that is named, and those of the others
PIECES = {".dcm": (".dcm",), ".vms": (".jpg", ".jpeg", ".opt"), ".vmu": (".ngr", ".jpg", ".jpeg", ".opt")}


class FieldImage:
    """A PNG, BMP or JPEG, decoded whole. These formats state no pixel size that can be trusted."""

    mpp, stated, pictures, origin = None, "none", 1, (0, 0)

    def __init__(self, path: Path):
        self.path = path
        self.image = read_field(path)
        height, width = self.image.shape[:2]
        self.levels, self.colour = [(width, height)], self.image.ndim == 3

    def read(self, box: Box, level: int = 0) -> tuple[np.ndarray, list[Damage]]:
        """See `Slide.read`; a decoded image has no damage."""
        return self.image[box.y : box.bottom, box.x : box.right], []


def open_slide(path: Path) -> Slide:
    """Open a field image or a slide.

    Raises UserError for a file that is missing, of another format, cut short, or of a kind that cannot be screened.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(path, "an image file", "no such file" if not path.exists() else "no file", "Check the path.")
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(path, f"one of {', '.join(SUFFIXES)}", path.suffix or "no extension", "Convert the image.")
    # each reader is imported when it is needed; a format is told by the file's bytes, as everywhere
    if path.suffix.lower() in SLIDES:
        from deeppap.screening.slides.openslide_slide import OpenSlideSlide

        return OpenSlideSlide(path)
    if is_tiff(path):
        from deeppap.screening.slides.tiff_slide import TiffSlide

        return TiffSlide(path)
    return FieldImage(path)


def companions(path: Path) -> list[Path]:
    """The other files that a slide is read from, by name; most formats have none."""
    suffix, folder = path.suffix.lower(), path.with_suffix("")
    if suffix == ".mrxs" and folder.is_dir():
        return sorted(folder.iterdir())
    if suffix not in PIECES:
        return []
    return sorted(p for p in path.parent.iterdir() if p != path and p.suffix.lower() in PIECES[suffix])


def find_images(paths: list[Path]) -> list[Path]:
    """The images that were named, and those of the folders that were named.

    Raises UserError for a folder without images, for two images whose results would lie in one folder, and for a name
    that no table can hold.
    """
    found = []
    for path in paths:
        inside = [p for p in (_images_of(path) if path.is_dir() else [path]) if p.is_file()]
        if not inside:
            missing = "no such file" if not path.exists() else "none in that folder"
            raise UserError(path, f"images: {', '.join(SUFFIXES)}", missing, "Check the path.")
        found += inside
    taken: dict[str, str | Path] = dict.fromkeys((PARTS, *RESULTS), "a file of the results")
    for path in found:
        if path.stem in taken:
            found_twice = f"{taken[path.stem]}, of the same name"
            raise UserError(path, "an image name that is used once", found_twice, "Rename one of them.")
        taken[path.stem] = path
        require_printable(str(path), path)
    return found


def _images_of(folder: Path) -> list[Path]:
    """A folder's images, without the files that are pieces of one of them."""
    found = [p for p in files_of(folder) if p.suffix.lower() in SUFFIXES]
    dicom = [p for p in found if p.suffix.lower() == ".dcm"]
    if len(dicom) > 1:  # nothing in their names tells which of them are one slide
        do = "Name one file of each slide: the others of it are found."
        raise UserError(folder, "one .dcm file, or none", f"{len(dicom)}, which may be one slide's", do)
    owners = {p.suffix.lower() for p in found} & PIECES.keys() - {".dcm"}
    pieces = {suffix for owner in owners for suffix in PIECES[owner]}
    return [p for p in found if p.suffix.lower() not in pieces]
