"""The one place that opens an image, whatever its format."""

from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.screening.slides import field_image, openslide_slide, tiff_slide
from deeppap.screening.slides.companions import without_pieces
from deeppap.screening.slides.slide import Slide

READERS = (
    (field_image.SUFFIXES, field_image.FieldImage),
    (tiff_slide.SUFFIXES, tiff_slide.TiffSlide),
    (openslide_slide.SUFFIXES, openslide_slide.OpenSlideSlide),
)
# names in the folder of results
OURS = ("parts", "cells.csv", "cells.parquet", "gallery.html", "summary.html", "screen.json")
SUFFIXES = tuple(suffix for suffixes, _ in READERS for suffix in suffixes)


def open_slide(path: Path) -> Slide:
    """Open a field image or a slide.

    Raises
    ------
    UserError
        For a file that is missing, of another format, cut short, or of a kind that cannot be screened.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(path, "an image file", "no such file" if not path.exists() else "no file", "Mend the path.")
    for suffixes, reader in READERS:
        if path.suffix.lower() in suffixes:
            return reader(path)
    raise UserError(path, f"one of {', '.join(SUFFIXES)}", path.suffix or "no extension", "Convert the image.")


def find_images(paths: list[Path]) -> list[Path]:
    """The images that were named, and those of the folders that were; each by its own name.

    Raises
    ------
    UserError
        For a folder without images, for two images whose results would lie in one folder, and for a name that no
        table can hold.
    """
    found = []
    for path in paths:
        inside = _images_of(path) if path.is_dir() else [path]
        inside = [p for p in inside if p.is_file()]
        if not inside:
            found_there = "no such file" if not path.exists() else "none in that folder"
            raise UserError(path, f"images: {', '.join(SUFFIXES)}", found_there, "Mend the path.")
        found += inside
    seen: dict[str, str | Path] = dict.fromkeys(OURS, "a file of the results")
    for path in found:
        if path.stem in seen:
            raise UserError(path, "a name of its own", f"{seen[path.stem]}, of the same name", "Rename one of them.")
        seen[path.stem] = path
        _require_utf8(path)
    return found


def _images_of(folder: Path) -> list[Path]:
    """A folder's images, without the pieces of slides; of DICOM's files only a person knows which are one slide."""
    found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in SUFFIXES]
    if len(files := [p for p in found if p.suffix.lower() == ".dcm"]) > 1:
        do = "Name one file of each slide: the others of it are found."
        raise UserError(folder, "one .dcm file, or none", f"{len(files)}, which may be one slide's", do)
    return without_pieces(found)


def _require_utf8(path: Path) -> None:
    """Refuse a name of other bytes, which Python reads but no file of results can be written with."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise UserError(path, "a name in UTF-8", "other bytes", "Rename it.") from None
