"""A folder of phantom fields with the centres of their nuclei, for trying and testing without data."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from data_prep.herlev_classes import CLASSES
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, require_space
from deeppap.phantom.draw_set import README
from deeppap.phantom.field import FIELD_MPP, FieldCell, draw_field

SIZE = (960, 1280)  # height and width of a field, as a usual camera's
CELLS = 24
MOST_FIELDS, MOST_CELLS = 1000, 1000

_FIELD = 104  # place of random numbers beside the set's own


def field_of(seed: int, number: int, cells: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, list[FieldCell]]:
    """Field `number` of a seed: `draw_field`'s image (RGB) and cells; the same arguments give the same bytes."""
    return draw_field(size, cells, np.random.default_rng(np.random.SeedSequence((seed, _FIELD, number))))


def make_fields(out: Path, fields: int, cells: int | None = None, seed: int = 1) -> int:
    """Draw `fields` fields of about `cells` cells: `field_NN.png`, and `nuclei.csv` with the true centres.

    `nuclei.csv` has the columns image, nucleus_x, nucleus_y (0-based pixels) and label. Pixels are of 0.201 um.

    Returns
    -------
    int
        How many cells there are in all.

    Raises
    ------
    UserError
        For a number out of range, a folder that is there, or a full disk.
    """
    cells = CELLS if cells is None else cells
    for option, value, most in (("--fields", fields, MOST_FIELDS), ("--cells", cells, MOST_CELLS)):
        if not 0 < value <= most:
            raise UserError(option, f"1 to {most}", f"{value}", "Choose a number in that range.")
    if out.exists():
        raise UserError(out, "no such folder", "one that is there", "Choose another; this one is not touched.")
    rows = []
    with complete_or_absent(out) as partial:
        require_space(out.parent, fields * SIZE[0] * SIZE[1] * 3)
        partial.mkdir()
        for number in tqdm(range(fields), desc="drawing", unit="field", disable=None):
            name = f"field_{number:02d}.png"
            image, drawn = field_of(seed, number, cells)
            (partial / name).write_bytes(cv2.imencode(".png", image[:, :, ::-1])[1])
            rows += [[name, f"{x:.3f}", f"{y:.3f}", CLASSES[class7].name] for x, y, class7 in drawn]
        with (partial / "nuclei.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([["image", "nucleus_x", "nucleus_y", "label"], *rows])
        about = {"shape": "fields", "fields": fields, "cells": len(rows), "seed": seed, "um_per_pixel": FIELD_MPP}
        (partial / "phantom.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        (partial / "README.txt").write_text(README, encoding="utf-8")
    return len(rows)
