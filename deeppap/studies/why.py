"""How steady cells' heat is from views to views, beside that of covering parts of them, and how much lies in nuclei."""

from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from data_prep.cells import Cell, Dataset
from data_prep.nucleus import nucleus_pixels
from data_prep.views import neighbourhood, render
from deeppap.engines.caffe_attribution import CaffeAttribution
from deeppap.engines.crops import crop_views
from deeppap.report.table import Table
from deeppap.scoring.cell_views import CellViews, of_data_set
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.why import cell_heat, evidence_of

SIDE, STEP = 24, 16  # pixels of the cell's image: of the square that is covered, and from one to the next
REACH = 72  # farthest place covered from the nucleus centre, along x or y


class Found(NamedTuple):
    """One cell and one way: heat of half the views beside the other half's, and of all views in the nucleus.

    `steady` is the correlation of the two halves' pixels; `share` the part of the evidence for the cell's own class
    that lies in the nucleus, `area` the nucleus's part of the pixels; `passes` of the net for one crop, both ways.
    """

    way: str
    steady: float
    share: float
    area: float
    passes: int


def why_study(model: TrainedModel, dataset: Dataset, cells: list[Cell], views: int, cover: int) -> list[Found]:
    """The evidence of several layers for every cell, and for the first `cover` cells what covering parts tells."""
    engine = model.engine()
    layers = {layer: CaffeAttribution(engine, evidence_of(model, engine).side, layer) for layer in ("conv3", "conv5")}
    found = []
    for number, cell in enumerate(tqdm(cells, desc="cells", unit="cell", disable=None)):
        whole = of_data_set(cell, model.views(views))
        halves = [CellViews(cell, whole.read, whole.views[start::2]) for start in (0, 1)]
        mask = neighbourhood(nucleus_pixels(dataset.masks[cell.id]).astype(np.uint8), cell.centre)[0] > 0
        for layer, evidence in layers.items():
            heats = [cell_heat(evidence, half, model.mean, 1).heat for half in halves]
            found.append(_compared(f"evidence of {layer}", heats, mask, cell.label, 2 * views))
        if number < cover:
            heats, passes = zip(*(covered(layers["conv3"], half, model.mean) for half in halves), strict=True)
            found.append(_compared(f"covering {SIDE} x {SIDE} pixels", heats, mask, cell.label, sum(passes)))
    return found


def covered(evidence: CaffeAttribution, cell: CellViews, mean: np.ndarray) -> tuple[np.ndarray, int]:
    """What each place of a cell adds to its log-odds: how far they fall when a square about it is blurred away.

    Returns the heat, float32 (H, W), of the neighbourhood, and the passes that it took; of centre crops.
    """
    region, centre = cell.read()
    blurred = cv2.GaussianBlur(region, (0, 0), SIDE)
    views = [view for _, view in cell.views]

    def log_odds(image: np.ndarray) -> float:
        cut = crop_views(np.stack([render(image, centre, view) for view in views]), mean, evidence.crop, 1)
        return float(evidence.log_odds(cut).mean())

    whole, heat, seen = log_odds(region), *(np.zeros(region.shape[:2], np.float32) for _ in range(2))
    columns, rows = (
        range(max(0, round(at) - REACH), min(length, round(at) + REACH), STEP)
        for at, length in zip(centre, region.shape[1::-1], strict=True)
    )
    for top in rows:
        for left in columns:
            square, image = np.s_[top : top + SIDE, left : left + SIDE], region.copy()
            image[square] = blurred[square]
            heat[square] += whole - log_odds(image)
            seen[square] += 1
    return heat / np.maximum(seen, 1), len(views) * (1 + len(rows) * len(columns))


def _compared(way: str, heats: list[np.ndarray], mask: np.ndarray, label: int, passes: int) -> Found:
    own = ((heats[0] + heats[1]) / 2 * (1 if label else -1)).clip(0)
    share = float(own[mask].sum() / own.sum()) if own.sum() > 0 else 0.0
    steady = float(np.corrcoef(heats[0].ravel(), heats[1].ravel())[0, 1])
    return Found(way, steady, share, float(mask.mean()), passes)


def why_table(found: list[Found]) -> Table:
    """Medians over cells, way by way."""
    rows = []
    for way in dict.fromkeys(one.way for one in found):
        own = [one for one in found if one.way == way]
        steady, share, area, passes = np.median([one[1:] for one in own], axis=0)
        denser = np.median([one.share / (1 - one.share) * (1 - one.area) / one.area for one in own if one.share < 1])
        numbers = [f"{steady:.2f}", f"{100 * share:.0f}", f"{100 * area:.0f}", f"{denser:.1f}", f"{passes:.0f}"]
        rows.append([way, len(own), *numbers])
    columns = [
        "way",
        "cells",
        "correlation of halves",
        "% in nucleus",
        "nucleus % of pixels",
        "density in / out",
        "passes",
    ]
    return Table("why", "Where scores come from: medians over cells", columns, rows)
