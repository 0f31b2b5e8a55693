"""Drawn fields: cells laid out on a slide, with the true centres of their nuclei."""

import csv
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from data_prep.herlev_classes import CLASSES, CYTOPLASM, NUCLEUS
from deeppap.io.errors import FieldError
from deeppap.io.files import complete_or_absent
from deeppap.io.progress import progress
from deeppap.phantom.cell import PAP, PAP_BACKGROUND, draw_cell, texture
from deeppap.phantom.cell_set import require_new, write_about, write_image

FIELD_MPP = 0.201  # micrometres a pixel: Herlev's, in which the cells' sizes are given
SIZE = (960, 1280)  # height and width of a field, as of a usual camera
CELLS = 24
MOST_FIELDS, MOST_CELLS = 1000, 1000
ABNORMAL = 0.3  # share of abnormal cells
TRIES = 40  # places tried for a cell before it is left out
GAP = 9  # pixels between a nucleus and another cell
FEATHER = 2.5  # pixels over which a cell's edge blends into the slide

_FIELD = 104  # second entry of the seed sequence, beside those of cell_set.py


class FieldCell(NamedTuple):
    """A drawn cell: the centroid (x, y) of its nucleus in the field's pixels, 0-based, and its class, 0 to 6."""

    x: float
    y: float
    class7: int


def make_fields(out: Path, fields: int, cells: int | None = None, seed: int = 1) -> int:
    """Draw `fields` fields of up to `cells` cells: `field_NN.png`, and `nuclei.csv` with the true centres.

    `nuclei.csv` has the columns image, nucleus_x, nucleus_y (pixels, 0-based) and label. A pixel is 0.201 um. Returns
    the number of cells in all fields.

    Raises UserError if a number is out of range, the folder exists, or the disk is full.
    """
    cells = CELLS if cells is None else cells
    for name, value, most in (("fields", fields, MOST_FIELDS), ("cells", cells, MOST_CELLS)):
        if not 0 < value <= most:
            raise FieldError(name, f"1 to {most}", f"{value}", "Choose a number in that range.")
    require_new(out)
    rows = []
    with complete_or_absent(out) as partial:
        partial.mkdir()
        for number in progress(range(fields), desc="drawing", unit="field"):
            name = f"field_{number:02d}.png"
            image, drawn = field_of(seed, number, cells)
            write_image(partial / name, image)
            rows += [[name, f"{x:.3f}", f"{y:.3f}", CLASSES[class7].name] for x, y, class7 in drawn]
        with (partial / "nuclei.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([["image", "nucleus_x", "nucleus_y", "label"], *rows])
        about = {"shape": "fields", "fields": fields, "cells": len(rows), "seed": seed, "um_per_pixel": FIELD_MPP}
        write_about(partial, about)
    return len(rows)


def field_of(seed: int, number: int, cells: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, list[FieldCell]]:
    """Field `number` of a seed, as `draw_field` returns it; the same arguments give the same bytes."""
    return draw_field(size, cells, np.random.default_rng(np.random.SeedSequence((seed, _FIELD, number))))


def draw_field(size: tuple[int, int], cells: int, rng: np.random.Generator) -> tuple[np.ndarray, list[FieldCell]]:
    """A field of `size` (height, width) in pixels of 0.201 um, (H, W, 3) uint8, RGB, and its cells.

    Fewer are drawn where no room is left. Cells overlap as on a slide; no cell covers another cell's nucleus, and each
    lies wholly inside the field.
    """
    canvas = np.empty((*size, 3), np.float32)
    canvas[:] = PAP_BACKGROUND
    canvas += 4 * texture(rng, size, 14.0)[:, :, None] + 2 * texture(rng, size, 2.0)[:, :, None]
    all_cells, all_nuclei = np.zeros(size, bool), np.zeros(size, bool)
    drawn = []
    for _ in range(cells):
        # drawn before a place is sought: where cells do not fit, large classes are rarer
        class7 = _class(rng)
        # no tint of its own: one field has one light
        image, mask = draw_cell(PAP[class7], rng, PAP_BACKGROUND, np.ones(3))
        nucleus = _largest((mask == NUCLEUS).all(axis=2))
        cell = (mask == CYTOPLASM).all(axis=2) | nucleus
        window = _find_window(rng, cell, nucleus, all_cells, all_nuclei)
        if window is None:
            continue
        opacity = cv2.GaussianBlur(cell.astype(np.float32), (0, 0), FEATHER)[:, :, None]
        canvas[window] += opacity * (image.astype(np.float32) - canvas[window])
        all_cells[window] |= cell
        all_nuclei[window] |= _grown(nucleus)
        y, x = np.nonzero(nucleus)
        drawn.append(FieldCell(float(x.mean() + window[1].start), float(y.mean() + window[0].start), class7))
    canvas += rng.normal(0, 0.8, canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), drawn


def _class(rng: np.random.Generator) -> int:
    label = int(rng.random() < ABNORMAL)
    return int(rng.choice([index for index, known in enumerate(CLASSES) if known.label == label]))


def _largest(nucleus: np.ndarray) -> np.ndarray:
    """The nucleus without the tiny second component that some masks have."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(nucleus.astype(np.uint8))
    return numbers == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))


def _grown(nucleus: np.ndarray) -> np.ndarray:
    return cv2.dilate(nucleus.astype(np.uint8), np.ones((GAP, GAP), np.uint8)) > 0


def _find_window(
    rng: np.random.Generator, cell: np.ndarray, nucleus: np.ndarray, all_cells: np.ndarray, all_nuclei: np.ndarray
) -> tuple[slice, slice] | None:
    """Rows and columns where the cell covers no nucleus and no cell covers its nucleus; None if no place is found."""
    height, width = cell.shape
    free_rows, free_columns = all_cells.shape[0] - height, all_cells.shape[1] - width
    if free_rows < 0 or free_columns < 0:
        return None
    # a gap, or a detector could not tell two nuclei that touch
    nucleus = _grown(nucleus)
    for _ in range(TRIES):
        row = int(rng.integers(0, free_rows + 1))
        column = int(rng.integers(0, free_columns + 1))
        window = slice(row, row + height), slice(column, column + width)
        if not (all_nuclei[window] & cell).any() and not (all_cells[window] & nucleus).any():
            return window
    return None
