"""Finding the image that a label names: by its path, its name, or its name without the extension."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path, PurePosixPath

from deeppap.io.errors import UserError
from deeppap.io.image_file import files_of, image_size

SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
# not read here; slides are by `screen`
NO_IMAGES = (".heic", ".gif", ".webp", ".svs", ".ndpi", ".mrxs", ".scn", ".vms", ".bif", ".czi", ".dcm", ".jp2")
SUMMARY = "import_summary.txt"  # marks a folder that an import wrote


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

    An image that an earlier folder has is not looked for in the later ones. That of the labels, which may have the
    images too, is the last one, or the only one.
    """

    def __init__(self, images: Sequence[Path], labels: Path | None = None):
        self.roots = [*images, *([labels] if labels else [])]
        self.given = images or self.roots
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        self.by_stem: dict[str, list[Path]] = defaultdict(list)
        self.root_of: dict[Path, Path] = {}
        self.others: dict[str, Path] = {}  # files of other formats, by name and by stem
        for root in self.roots:
            for path in walk(root) if root.is_dir() else [root]:
                if is_image(path) and path not in self.root_of:
                    self.root_of[path] = root if root.is_dir() else root.parent
                    self.by_name[plain(path.name)].append(path)
                    self.by_stem[plain(path.stem)].append(path)
                elif not is_image(path):
                    self.others[plain(path.name)] = path
        self.size = cache(image_size)  # (height, width)
        self.unnamed: str | None = None  # the one name that was taken for the image given, though it is another

    def find(self, name: str, near: Path) -> Path:
        """The image of that name; `near` is the file that names it.

        A path beside `near` is taken before all others, then one below a folder that was given; else the name counts,
        without folders of another machine.

        Raises UserError where there is none, or several of which none is nearer to `near`.
        """
        # labels may come from Windows
        name = name.replace("\\", "/")
        file = PurePosixPath(name).name
        # a name without folders means the image in the folder itself, not one of the same name below it
        below = [root / name if root.is_dir() else root for root in self.given if root.is_dir() or root.name == name]
        for exact in (near.parent / name, *below):
            if name and exact in self.root_of:
                return exact
        found = self.by_name.get(plain(file)) or self.by_stem.get(plain(file)) or []
        if not found and is_image(Path(file)):  # the same image, saved in another format
            found = self.by_stem.get(plain(PurePosixPath(file).stem)) or []
        if not found and self.roots[0].is_file() and not is_image(Path(file)) and self.unnamed in (None, name):
            # `images` is this very file, and what lies beside it has its name from no image: an export of one image
            self.unnamed = name
            return self.roots[0]
        if not found:
            raise UserError(near, "the image that it names", f"no {name or 'name'}", self._advice(file))
        nearest = _nearest([path for path in found if self.root_of[path] == self.root_of[found[0]]], near)
        if len(nearest) > 1:
            shown = f"{nearest[0]} and {nearest[1]}"
            raise UserError(near, f"one image called {file}", shown, "Give the folder of the right ones with `images`.")
        return nearest[0]

    def _advice(self, file: str) -> str:
        stem = plain(PurePosixPath(file).stem if is_image(Path(file)) else file)
        known = [self.others.get(plain(file)), *(self.others.get(f"{stem}{suffix}") for suffix in NO_IMAGES)]
        if found := next(filter(None, known), None):
            do = "convert it to PNG or TIFF. Of a slide, export fields as images."
            return f"{found.name} is there, but not read: {do}"
        if not self.root_of:
            return "There are no images here: give their folder with `images`."
        close = get_close_matches(plain(file), list(self.by_name), 1)
        known = f" The nearest name is {self.by_name[close[0]][0].name}." if close else ""
        return f"Give the images' folder with `images`.{known}"


def _nearest(found: list[Path], near: Path) -> list[Path]:
    """Those that share most folders with `near`: labels/train/a.txt means images/train/a.png, not images/val/a.png."""
    folders = set(near.parent.parts)
    shared = [(len(folders & set(path.parent.parts)), -len(path.parent.parts)) for path in found]
    return [path for path, count in zip(found, shared, strict=True) if count == max(shared)]
