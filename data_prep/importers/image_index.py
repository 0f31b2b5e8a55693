"""Finding the image that a label names: by its path, its name, or its name without the extension."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

import numpy as np

from data_prep.image_hashes import image_key
from data_prep.pixel_size import contradiction, other_size
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.io.image_file import OTHERS, SLIDES, files_of, image_size, read_image

SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".btf", ".tf8")
SUMMARY = "import_summary.txt"  # marks a folder that an import wrote


class SlideFacts(NamedTuple):
    """What the import of labels on a slide needs to know of it."""

    size: tuple[int, int]  # height, width
    mpp: float | None  # micrometres a pixel, if it states them
    origin: tuple[int, int]  # the pixel (x, y) that QuPath counts from
    sha256: str  # of all its files


class Slides(Protocol):
    """Reads slides for an import: deeppap.screening.slides.slide_fields."""

    def facts(self, path: Path) -> SlideFacts | None:
        """Open a slide; None for an image of a usual size, UserError if it cannot be opened."""

    def field(self, slide: Path, x: float, y: float, um: float | None) -> tuple[Path, tuple[int, int]]:
        """An image of the part that holds a place, and the part's first pixel (x, y)."""


def walk(folder: Path) -> Iterator[Path]:
    """The files of a folder and all below it, sorted; without hidden ones and without earlier imports' results."""
    for path in files_of(folder):
        if path.is_dir():
            if not path.is_symlink() and not (path / SUMMARY).exists():  # a link could lead round in a circle
                yield from walk(path)
        elif path.is_file():
            yield path


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its extension."""
    return path.suffix.lower() in SUFFIXES


def plain(name: str) -> str:
    """A name without what systems change in it: case, and how accented letters are composed."""
    return unicodedata.normalize("NFC", name).casefold()


class ImageIndex:
    """The images under some folders, or single images.

    What an image that was given, or an earlier folder, has is not looked for in the later ones. The folder of the
    labels, which may have the images too, is the last one, or the only one. Slides are images if `slides` reads them.
    """

    def __init__(self, images: Sequence[Path], labels: Path | None = None, slides: Slides | None = None):
        self.slides = slides
        self.roots = [*images, *([labels] if labels else [])]
        self.given = images or self.roots
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        self.by_stem: dict[str, list[Path]] = defaultdict(list)
        self.root_of: dict[Path, Path] = {}
        self.others: dict[str, Path] = {}  # files of other formats, by name and by stem
        for root in self.roots:
            for path in walk(root) if root.is_dir() else [root]:
                usable = is_image(path) or (slides is not None and path.suffix.lower() in SLIDES)
                if usable and path not in self.root_of:
                    self.root_of[path] = root if root.is_dir() else root.parent
                    self.by_name[plain(path.name)].append(path)
                    self.by_stem[plain(path.stem)].append(path)
                elif not usable:
                    self.others[plain(path.name)] = path
        self.size = cache(self._size)  # (height, width)
        self.key = cache(self._key)
        self.other_size = cache(self._other_size)
        self.alike = cache(self._same_pixels)
        self.unnamed: str | None = None  # the one name that was taken for the image given, though it is another

    def slide(self, path: Path) -> SlideFacts | None:
        """What there is to know of a slide; None for any other image."""
        return self.slides.facts(path) if self.slides else None

    def _size(self, path: Path) -> tuple[int, int]:
        slide = self.slide(path)
        return slide.size if slide else image_size(path)

    def _key(self, path: Path) -> str:
        slide = self.slide(path)
        return image_key(slide.sha256 if slide else sha256_file(path))

    def _other_size(self, path: Path, used: float | None) -> str:
        slide = self.slide(path)
        return contradiction(path, used, slide.mpp) if slide else other_size(path, used)

    def _same_pixels(self, one: Path, other: Path) -> bool:
        """Whether two files hold the same picture; of slides, whether they are copies."""
        if self.key(one) == self.key(other):
            return True
        if self.slide(one) or self.slide(other) or image_size(one) != image_size(other):
            return False
        return np.array_equal(read_image(one), read_image(other))

    def find(self, name: str, near: Path) -> Path:
        """The image of that name; `near` is the file that names it.

        A path beside `near` is taken before all others, then one below a folder that was given; else the name counts,
        and of its folders as many as are alike.

        Raises UserError where there is none, or several of which none is nearer to `near`; so are two different images
        of that name in two of the folders that were given.
        """
        # labels may come from Windows
        name = name.replace("\\", "/")
        file = PurePosixPath(name).name
        # a name without folders means the image in the folder itself, not one of the same name below it
        below = [root / name if root.is_dir() else root for root in self.given if root.is_dir() or root.name == name]
        if name and near.parent / name in self.root_of:
            return near.parent / name
        if exact := [path for path in below if name and path in self.root_of]:
            return self._only_one(exact, near, file)
        found = self.by_name.get(plain(file)) or self.by_stem.get(plain(file)) or []
        if not found and is_image(Path(file)):  # the same image, saved in another format
            found = self.by_stem.get(plain(PurePosixPath(file).stem)) or []
        if not found and self.roots[0].is_file() and not is_image(Path(file)) and self.unnamed in (None, name):
            # `images` is this very file, and what lies beside it has its name from no image: an export of one image
            self.unnamed = name
            return self.roots[0]
        if not found:
            raise UserError(near, "the image that it names", f"no {name or 'name'}", self._advice(file))
        alike = [_common_end(path, name) for path in found]
        found = [path for path, count in zip(found, alike, strict=True) if count == max(alike)]
        nearest = _nearest([path for path in found if self.root_of[path] == self.root_of[found[0]]], near)
        self._require_alike(nearest, near, file)
        others = [path for path in found if self.root_of[path] != self.root_of[found[0]]]
        return self._only_one([nearest[0], *others], near, file)

    def find_own(self, name: str, near: Path) -> Path:
        """The image that a file of one image's labels names; UserError if the file bears the name of another one.

        Images that were renamed leave their old names in the labels.
        """
        image, own = self.find(name, near), self.by_stem.get(plain(near.stem))
        if own and image not in own:
            do = "Rename the file, or correct the name in it."
            raise UserError(near, f"labels of {own[0].name}, whose name it bears", f"those of {image.name}", do)
        return image

    def _only_one(self, found: list[Path], near: Path, file: str) -> Path:
        """The first of the images that bear a name, in folders that were given; UserError if another is different."""
        # the labels' own folder may have pictures of other kinds under the same names, such as masks
        given = [path for path in found if path in self.given]  # by its own name, not by its folder's
        found = given or [found[0], *(path for path in found[1:] if self.root_of[path] in self.given)]
        self._require_alike(found, near, file)
        return found[0]

    def _require_alike(self, found: list[Path], near: Path, file: str) -> None:
        """Refuse images of one name that are not the same picture."""
        do = "Give one folder with `images` and import the others later, or write the folders in the labels' names."
        for other in found[1:]:
            if not self.alike(found[0], other):
                if other.name != found[0].name:
                    do = f"Write which: {other.name}. QuPath's file of it may be called {other.name}.geojson."
                raise UserError(near, f"one image called {file}", f"{found[0]} and {other}", do)

    def _advice(self, file: str) -> str:
        stem = plain(PurePosixPath(file).stem if is_image(Path(file)) else file)
        known = [self.others.get(plain(file)), *(self.others.get(f"{stem}{suffix}") for suffix in (*OTHERS, *SLIDES))]
        if found := next(filter(None, known), None):
            return f"{found.name} is there, but not read: convert it to PNG or TIFF."
        if not self.root_of:
            return "There are no images here: give their folder with `images`."
        close = get_close_matches(plain(file), list(self.by_name), 1)
        known = f" The nearest name is {self.by_name[close[0]][0].name}." if close else ""
        return f"Give the images' folder with `images`.{known}"


def _common_end(path: Path, name: str) -> int:
    """How many folders before the file are the same in a path and in a name: 1 of x/B/img.png and B/img.png."""
    pairs = zip(reversed(path.parent.parts), reversed(PurePosixPath(name).parent.parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: plain(pair[0]) == plain(pair[1]), pairs))


def _nearest(found: list[Path], near: Path) -> list[Path]:
    """Those that share most folders with `near`: labels/train/a.txt means images/train/a.png, not images/val/a.png.

    Of these x/a.png, not x/old/a.png: an image in a folder comes before those in folders below it.
    """
    folders = set(near.parent.parts)
    shared = [len(folders & set(path.parent.parts)) for path in found]
    found = [path for path, count in zip(found, shared, strict=True) if count == max(shared)]
    return [path for path in found if not any(other.parent in path.parent.parents for other in found)]
