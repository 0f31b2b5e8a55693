"""Two screenings of the same images compared: which cells changed side, and pictures of those that changed most."""

import json
import re
from pathlib import Path

import numpy as np

from deeppap.io.errors import UserError
from deeppap.io.files import write_text
from deeppap.io.html import render
from deeppap.screening.cells import colour_of, hexadecimal
from deeppap.screening.outputs.pages import banners
from deeppap.screening.parts import require_parquet
from deeppap.screening.results import ScreenRecord

PAGE = "changed.html"
SHOWN = 100  # cells on the page
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def is_screen(folder: Path) -> bool:
    """Whether a folder holds the results of a screening."""
    return (folder / ScreenRecord.FILE).exists()


def compare_screens(before: Path, after: Path) -> list[str]:
    """Compare the scores of the cells that both screenings have, and write changed.html into `after`.

    Cells are the same if their ids are: the same place in an image of the same name. Returns the lines for the user.

    Raises UserError if the images or their pixel sizes differ, or no cell is in both.
    """
    _require_same_images(before, after)
    old, new = _cells(before), _cells(after)
    ids = [identity for identity in new if identity in old]
    if not ids:
        do = "Screen the same images, with the same detector or the same nuclei."
        raise UserError(after, f"cells that {before} has too", "none", do)
    was, now = (np.array([cells[identity]["p_abnormal"] for identity in ids]) for cells in (old, new))
    # each by its own threshold
    records = [ScreenRecord.read(folder) for folder in (before, after)]
    limits = [record.settings.threshold for record in records]
    words = [f"{one.settings.views} view(s) x {one.settings.crops} crop(s)" for one in records]
    then, later = was >= limits[0], now >= limits[1]
    change = np.abs(now - was)
    lines = [
        f"{len(ids):,} cells are in both; {len(old) - len(ids):,} only in {before}, {len(new) - len(ids):,} in {after}",
        f"a cell is called abnormal from a score of {limits[0]:g} on before, and of {limits[1]:g} on after",
        *([f"scored in {words[0]} before, and in {words[1]} after"] if words[0] != words[1] else []),
        f"normal before and after: {np.sum(~then & ~later):,}",
        f"abnormal before and after: {np.sum(then & later):,}",
        f"normal before, abnormal after: {np.sum(~then & later):,}",
        f"abnormal before, normal after: {np.sum(then & ~later):,}",
        f"median change of the score, P(abnormal): {np.median(now - was):+.3f}; up or down: {np.median(change):.3f}",
    ]
    most = np.argsort(-change, kind="stable")[:SHOWN]
    pictures = {**_pictures(before), **_pictures(after)}
    rows = [
        {
            "image": new[ids[k]]["image"],
            "place": f"{new[ids[k]]['x']:.0f}, {new[ids[k]]['y']:.0f}",
            "picture": pictures.get(ids[k]),
            "scores": [(f"{score:.3f}", hexadecimal(colour_of(score))) for score in (was[k], now[k])],
            "changed": bool(then[k] != later[k]),
        }
        for k in most
    ]
    title = "Cells whose scores changed most"
    page = render(
        "screening/outputs/changed.html",
        title=title,
        banners=banners(records[1].settings, records[1].images),
        lines=lines,
        rows=rows,
        both=len(ids),
        before=before,
        after=after,
    )
    write_text(after / PAGE, page)
    return lines


def _require_same_images(before: Path, after: Path) -> None:
    old, new = ({one.image: one for one in ScreenRecord.read(folder).images} for folder in (before, after))
    for name in sorted(old.keys() & new.keys()):
        if old[name].sha256 != new[name].sha256:
            raise UserError(after, f"the image {name} that {before} has", "another of that name", "Screen it again.")
        if (size := new[name].um_per_pixel) != old[name].um_per_pixel:
            expected = f"{name} at {old[name].um_per_pixel:g} um a pixel, as in {before}"
            raise UserError(after, expected, f"{size:g} um", "Screen it again with the same pixel size.")


def _cells(folder: Path) -> dict[str, dict]:
    """The cells of a screening by their ids."""
    _, parquet = require_parquet()
    columns = ["id", "image", "x", "y", "p_abnormal"]
    rows = parquet.read_table(folder / "cells.parquet", columns=columns).to_pylist()
    return {row["id"]: row for row in rows}


def _pictures(folder: Path) -> dict[str, str]:
    """The small pictures that the galleries of a screening hold, by the cell's id."""
    found = {}
    for page in (folder / "gallery.html", *folder.glob("*/gallery.html")):
        if page.is_file() and (data := DATA.search(page.read_text(encoding="utf-8"))):
            found |= {cell["id"]: cell["picture"] for cell in json.loads(data[1])["cells"]}
    return found
