"""Reader of the Herlev set (paper: "Herlev Dataset", Table 1)."""

from collections import Counter
from pathlib import Path

from data_prep.cells import Cell, Dataset, is_phantom
from data_prep.herlev_classes import CLASSES
from data_prep.nucleus import centroid
from deeppap.io.errors import UserError
from deeppap.io.image_file import files_of, image_size
from deeppap.io.names import require_printable

PIXEL_UM = 0.201  # side of a pixel (paper: "Herlev Dataset")


def read_herlev(root: Path, allow_partial: bool = False) -> Dataset:
    """Read a Herlev-shaped folder: seven class folders of `<stem>.BMP` with `<stem>-d.bmp`, in any case.

    `allow_partial` accepts other counts than 74/70/98/182/146/197/150 and missing class folders.

    Raises UserError for any file, mask or class folder that is missing, extra or damaged; nothing is skipped.
    """
    _require_class_folders(root, allow_partial)
    drawn = is_phantom(root)
    pixel_um = None if drawn else PIXEL_UM
    cells: list[Cell] = []
    masks: dict[str, Path] = {}
    for known in CLASSES:
        for image, mask in _image_mask_pairs(root / known.folder):
            if image.stem in masks:
                found = f"the stem of {masks[image.stem]}"
                raise UserError(image, "a stem of its own", found, "Remove one of the two.")
            masks[image.stem] = mask
            # Herlev names an image after its field: <field>-<number of the cell>
            group = image.stem.split("-")[0]
            centre = centroid(mask, image_size(image))
            cells.append(Cell(image.stem, image, known.label, known.name, centre, group, pixel_um))
    if not allow_partial:
        _require_counts(root, cells)
    if not cells:
        raise UserError(root, "cell images", "none", "Point `data` at the folder that holds the class folders.")
    paper = None if drawn else "herlev"
    return Dataset(paper or "phantom", root, tuple(cells), "unbalanced", pixel_um, masks, paper, phantom=drawn)


def _require_class_folders(root: Path, allow_partial: bool) -> None:
    if not root.is_dir():
        found = "a file" if root.exists() else "no such folder"
        raise UserError(root, "the Herlev folder", found, "Point `data` (or HERLEV) at your copy.")
    known = {item.folder for item in CLASSES}
    folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    if not folders & known:
        expected = "Herlev's class folders, or a manifest cells.csv"
        do = "For cells of your own see docs/how-to/own-cells.md."
        raise UserError(root, expected, "neither", do)
    extra, missing = sorted(folders - known), sorted(known - folders)
    if extra:
        expected = f"only the class folders {', '.join(sorted(known))}"
        raise UserError(root / extra[0], expected, "this one", "Move it away.")
    if missing and not allow_partial:
        raise UserError(root, f"class folders {', '.join(missing)}", "none of that name", "Get the whole set again.")


def _image_mask_pairs(folder: Path) -> list[tuple[Path, Path]]:
    images: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    for path in files_of(folder) if folder.is_dir() else []:
        require_printable(path.name, path)
        if path.suffix.lower() != ".bmp" or not path.is_file():
            raise UserError(path, "only <stem>.BMP and <stem>-d.bmp in a class folder", "this", "Move it away.")
        is_mask = path.stem.lower().endswith("-d")
        (masks if is_mask else images)[path.stem[:-2] if is_mask else path.stem] = path
    for stem in sorted(images.keys() ^ masks.keys()):
        if stem in images:
            raise UserError(images[stem], f"its mask {stem}-d.bmp beside it", "none", "Get the mask again.")
        do = "Get the image again or move the mask away."
        raise UserError(masks[stem], f"its image {stem}.BMP beside it", "none", do)
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _require_counts(root: Path, cells: list[Cell]) -> None:
    counts = Counter(cell.kind for cell in cells)
    for known in CLASSES:
        count = counts[known.name]
        if count != known.count:
            what = f"{abs(count - known.count)} {'missing' if count < known.count else 'too many'}"
            do = "Get the whole set again, or use `allow_partial` for a subset."
            raise UserError(root / known.folder, f"{known.count} cells", f"{count} ({what})", do)
