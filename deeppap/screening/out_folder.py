"""The folder of results: one call's, of its own images; what in it is not ours is left alone."""

import re
from collections.abc import Sequence
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import read_json, remove
from deeppap.screening.given_nuclei import NAMES
from deeppap.screening.plan import Plan
from deeppap.screening.slides.open_slide import OURS

PARTS, *OF_CALL = OURS
RECORD = "screen.json"
OF_IMAGE = ("cells.geojson", "cells.geojson.gz", "worst.geojson", "worst.geojson.gz", "overlay.png", "gallery.html")
PART = re.compile(r".+_([0-9a-f]{16})_x\d+_y\d+\.parquet")
DO = "Give another --out, or remove that folder."


def require_nothing_overwritten(out: Path, images: Sequence[Path], nuclei: Path | None) -> None:
    """Refuse where a result would take the name of what is read, or of a file that no screening wrote.

    Raises
    ------
    UserError
        Naming the file.
    """
    written = {(out / name).resolve() for name in OF_CALL}
    written |= {(out / image.stem / name).resolve() for image in images for name in OF_IMAGE}
    for image in images:
        if image.suffix.lower() == ".mrxs" and (out / image.stem).resolve() == image.with_suffix("").resolve():
            found = "the slide's own data"
            raise UserError(out / image.stem, f"a folder for the results of {image.name}", found, "Give another --out.")
    for path in (*images, *([nuclei] if nuclei else [])):
        if path.resolve() in written:
            found = f"one of the results in {out}"
            raise UserError(path, "a file that no result replaces", found, "Give another --out.")
    if not (out / RECORD).exists() and not (out / PARTS).is_dir():
        for name in OF_CALL:
            if (out / name).exists():
                raise UserError(out / name, "a new folder, or older results", "a file without screen.json", DO)


def require_same_images(out: Path, plans: Sequence[Plan]) -> None:
    """Refuse a folder that holds the results of another image: they would be gone without a word."""
    names, sums = {plan.name for plan in plans}, {plan.image_sha256 for plan in plans}
    older = _older(out)
    lost = [record["image"] for record in older if record["image"] not in names]
    if older and not lost and not {record.get("sha256") for record in older} & sums:
        lost = [older[0]["image"]]  # all are other pictures under the same names
    if lost:
        found = f"results of {lost[0]}, another image"
        raise UserError(out, "a new folder, or older results of these images", found, DO)


def remove_older(out: Path, plans: Sequence[Plan]) -> None:
    """Remove an older call's results, so that none of them stands beside this one's."""
    images = [*(Path(record["image"]) for record in _older(out)), *(Path(plan.image) for plan in plans)]
    for folder in {out / image.stem for image in images}:
        for name in OF_IMAGE:
            remove(folder / name)
        _remove_empty(folder)
    for name in OF_CALL:
        remove(out / name)


def remove_parts(folder: Path, plans: Sequence[Plan]) -> None:
    """Remove what a call's tiles left: the outputs hold all of it. Those of other options may wait for their call."""
    keys, stems = {plan.key for plan in plans}, {Path(plan.image).stem for plan in plans}
    for path in folder.iterdir() if folder.is_dir() else ():
        of = PART.fullmatch(path.name)
        nuclei = path.name.removesuffix("_nuclei") in stems and _is_kept_nuclei(path)
        if (of and of[1] in keys) or nuclei or re.fullmatch(r"\..+\.partial", path.name):
            remove(path)
    _remove_empty(folder)


def _older(out: Path) -> list[dict]:
    """The images of the call that wrote the folder; none where its record cannot be read."""
    try:
        images = read_json(out / RECORD, "tools/screen.py")["images"]
        return [record for record in images if Path(record["image"]).stem not in ("", "..")]
    except (UserError, KeyError, TypeError):
        return []


def _is_kept_nuclei(path: Path) -> bool:
    held = {file.name for file in path.iterdir()} if path.is_dir() else set()
    return path.name.endswith("_nuclei") and held == {f"{name}.npy" for name in NAMES}


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
