"""Everything that screening writes, in one pass over the parts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from deeppap.io.files import write_json
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.merge import parts_of
from deeppap.screening.out_folder import RECORD, remove_older
from deeppap.screening.outputs.gallery import Gallery
from deeppap.screening.outputs.geojson import writing_geojson
from deeppap.screening.outputs.overlay import Overlay
from deeppap.screening.outputs.summary import Summary
from deeppap.screening.outputs.tables import TableWriter
from deeppap.screening.outputs.worst import Worst
from deeppap.screening.plan import Plan
from deeppap.screening.result import ImageResult
from deeppap.screening.screen_tile import opened
from deeppap.screening.slides.slide import Box

Undone = Mapping[tuple[Plan, Box], str]  # why a tile was given up
WORST = 500  # cells in worst.geojson, and in the gallery


def write_results(
    out: Path,
    work: Sequence[tuple[Plan, list[Box]]],
    packed: bool = False,
    shown: int = WORST,
    undone: Undone | None = None,
) -> list[ImageResult]:
    """Write all results of a call from its parts: tables, GeoJSON, overlays, galleries and screen.json.

    Of several images each has a gallery of its own too, and summary.html a row.

    Parameters
    ----------
    work : pairs of a plan and its tiles
        All of whose parts are there, but for those of `undone`, which the results name.
    packed : bool
        Whether GeoJSON is written as .geojson.gz.
    shown : int
        Cells that a gallery shows, those with the highest scores.
    """
    settings = work[0][0].settings
    results, gallery, worst = [], Gallery(len(work)), Worst(shown)
    summary = Summary() if len(work) > 1 else None
    remove_older(out, [plan for plan, _ in work])
    with TableWriter(out, f"{settings.device.engine} {settings.device.precision}", settings.model_sha256) as tables:
        for plan, tiles in work:
            result = ImageResult(plan, undone={t: why for (p, t), why in (undone or {}).items() if p == plan})
            there, folder = [tile for tile in tiles if tile not in result.undone], out / Path(plan.image).stem
            highest = _write_image(folder, result, there, packed, tables, worst, shown)
            results.append(result)
            if summary is not None:
                _write_gallery(folder, result, highest[:shown], summary)
    for plan, _ in work:
        gallery.add_image(plan, opened(plan.image).slide, [c for c in worst.cells() if c.image == plan.name])
    gallery.write(out / "gallery.html", results)
    if summary is not None:
        summary.write(out / "summary.html")
    facts = asdict(settings) | ({"detector": None} if work[0][0].nuclei else {})
    write_json(out / RECORD, {"settings": facts, "images": [r.record() for r in results]})
    return results


def _write_gallery(folder: Path, result: ImageResult, cells: list[ScreenedCell], summary: Summary) -> None:
    """Write an image's own gallery into its folder, and its row into the summary."""
    gallery, slide = Gallery(), opened(result.plan.image).slide
    gallery.add_image(result.plan, slide, cells)
    gallery.write(folder / "gallery.html", [result])
    summary.add_image(result, slide, cells, f"{folder.name}/gallery.html")


def _write_image(
    folder: Path,
    result: ImageResult,
    tiles: list[Box],
    packed: bool,
    tables: TableWriter,
    worst_of_all: Worst,
    shown: int,
) -> list[ScreenedCell]:
    """Write an image's own files and count its cells into `result`; returns those with the highest scores, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    plan, worst = result.plan, Worst(max(WORST, shown))
    picture = Overlay(opened(plan.image).small, plan.size, plan.mpp)
    with writing_geojson(folder / "cells.geojson", plan.name, packed, plan.origin) as features:
        for part in parts_of(plan, tiles):
            result.add_part(part)
            for cell in part.cells:
                for taker in (result.add, tables.write, features.write, picture.add, worst.add, worst_of_all.add):
                    taker(cell)
    with writing_geojson(folder / "worst.geojson", plan.name, packed, plan.origin) as features:
        for cell in worst.cells()[:WORST]:
            features.write(cell, "annotation")
    picture.write(folder / "overlay.png")
    return worst.cells()
