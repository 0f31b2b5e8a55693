"""Two screenings of the same images compared: which cells changed side, and pictures of those that changed most."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_prep.classes import ABNORMAL, NEITHER, NORMAL
from deeppap.io.errors import UserError
from deeppap.io.files import write_text
from deeppap.io.html import render
from deeppap.screening.cells import colour_of, hexadecimal
from deeppap.screening.outputs.pages import banners
from deeppap.screening.outputs.tables import CALLED
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
    sides = [_sides(cells, ids, limit) for cells, limit in zip((old, new), limits, strict=True)]
    moves = Counter(zip(*sides, strict=True))
    kinds = [(NORMAL, NORMAL), (ABNORMAL, ABNORMAL), (NORMAL, ABNORMAL), (ABNORMAL, NORMAL)]
    kinds += sorted(kind for kind in moves if NEITHER in kind)
    change = np.abs(now - was)
    lines = [
        f"{len(ids):,} cells are in both; {len(old) - len(ids):,} only in {before}, {len(new) - len(ids):,} in {after}",
        f"a cell is called abnormal from a score of {limits[0]:g} on before, and of {limits[1]:g} on after",
        *([f"scored in {words[0]} before, and in {words[1]} after"] if words[0] != words[1] else []),
        *(f"{_move_words(*kind)}: {moves[kind]:,}" for kind in kinds),
        f"median change of the score, P(abnormal): {np.median(now - was):+.3f}; up or down: {np.median(change):.3f}",
        "more or fewer cells called abnormal are no improvement by themselves: only labels tell (tools/validate.py)",
    ]
    most = np.argsort(-change, kind="stable")[:SHOWN]
    pictures = {**_pictures(before), **_pictures(after)}
    rows = [
        {
            "image": new[ids[k]]["image"],
            "place": f"{new[ids[k]]['x']:.0f}, {new[ids[k]]['y']:.0f}",
            "picture": pictures.get(ids[k]),
            "scores": [(f"{score:.3f}", hexadecimal(colour_of(score))) for score in (was[k], now[k])],
            "changed": sides[0][k] != sides[1][k],
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
    path = folder / "cells.parquet"
    called = [CALLED] if CALLED in parquet.read_schema(path).names else []  # in some screenings alone
    rows = parquet.read_table(path, columns=["id", "image", "x", "y", "p_abnormal", *called]).to_pylist()
    return {row["id"]: row for row in rows}


def _sides(cells: dict[str, dict], ids: Sequence[str], limit: float) -> list[str]:
    """What each cell is called: normal, abnormal, or neither, as a net of several classes may call it."""
    sides = []
    for cell in map(cells.get, ids):
        called = cell.get(CALLED) or (ABNORMAL if cell["p_abnormal"] >= limit else NORMAL)
        sides.append(called if called in (NORMAL, ABNORMAL) else NEITHER)
    return sides


def _move_words(before: str, after: str) -> str:
    return f"{before} before and after" if before == after else f"{before} before, {after} after"


def _pictures(folder: Path) -> dict[str, str]:
    """The small pictures that the galleries of a screening hold, by the cell's id."""
    found = {}
    for page in (folder / "gallery.html", *folder.glob("*/gallery.html")):
        if page.is_file() and (data := DATA.search(page.read_text(encoding="utf-8"))):
            found |= {cell["id"]: cell["picture"] for cell in json.loads(data[1])["cells"]}
    return found
