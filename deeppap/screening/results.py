"""What a screening writes: everything in one pass over the parts, and what the folder of results may replace."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from data_prep.classes import NEITHER
from deeppap.io.errors import UserError
from deeppap.io.files import remove
from deeppap.io.own_files import note_begun, note_written, require_own
from deeppap.records.record import Record
from deeppap.scoring.thresholds import short
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.open_image import planned_image, require_same_bytes
from deeppap.screening.outputs.geojson import writing_geojson
from deeppap.screening.outputs.overlay import Overlay
from deeppap.screening.outputs.pages import Gallery, neither_text, write_summary
from deeppap.screening.outputs.tables import Choice, highest, most_uncertain, writing_tables
from deeppap.screening.parts import Part, read_part
from deeppap.screening.plan import ImagePlan, Settings, nuclei_path
from deeppap.screening.slides.open_slide import PARTS, RECORD, RESULTS
from deeppap.screening.slides.slide import Box, Damage

Work = Sequence[tuple[ImagePlan, list[Box]]]
Failed = Mapping[tuple[ImagePlan, Box], str]  # why a tile was given up
BINS = 20  # of the histogram of scores
SHOWN = 500  # cells in worst.geojson and uncertain.geojson, and in the gallery unless the user says otherwise
CHOSEN = 50  # cells that the gallery offers to label first
GEOJSON = ("cells.geojson", "worst.geojson", "uncertain.geojson")
SUMMARY = "Summary of all images"
OF_ONE = {"../summary.html": SUMMARY, "../gallery.html": "Cells of all images"}  # where its own gallery leads
OF_IMAGE = (*GEOJSON, *(f"{name}.gz" for name in GEOJSON), "overlay.png", "gallery.html")
PART = re.compile(r".+_([0-9a-f]{16})_x\d+_y\d+\.parquet")
LEFT = re.compile(r"\..+_(nuclei|[0-9a-f]{16}_x\d+_y\d+)\.parquet\..+\.partial")
ANOTHER = "Give another `out`, or remove that folder."


@dataclass(frozen=True)
class Outputs:
    """How results are written."""

    gzipped: bool = False  # write .geojson.gz
    shown: int = SHOWN  # cells in a gallery, those with the highest scores
    choose: int = CHOSEN  # further cells in the gallery, which are worth a label: see `Choice`
    score_colours: bool = False  # see `feature`


class ImageResult(msgspec.Struct):
    """One image's cells in numbers."""

    image: str
    sha256: str
    width: int
    height: int
    um_per_pixel: float
    key: str
    threshold: float = ABNORMAL  # a cell of this score or more is called abnormal
    given_nuclei: str | None = None  # the file of nuclei that a person gave
    cells: int = 0
    abnormal: int = 0
    neither: dict[str, int] = {}  # cells that are called by a class that is neither normal nor abnormal
    # cells whose class a person gave, by that class, and of these, whose side is known, those that the net calls so too
    given: dict[str, int] = {}
    compared: int = 0
    agreed: int = 0
    out_of_distribution: int | None = None  # None if no cell was compared with the training cells
    histogram: list[int] = msgspec.field(default_factory=lambda: [0] * BINS)  # of the scores from 0 to 1
    unreadable: list[Damage] = []
    not_screened: list[Damage] = []  # tiles that were given up
    nuclei_skipped: int = 0  # too near to what is unreadable
    trained: bool = False  # whether the net learned from the image

    @classmethod
    def of(cls, plan: ImagePlan) -> "ImageResult":
        """The result of an image before its cells are counted."""
        given = (plan.settings.threshold, plan.nuclei_file)
        return cls(plan.name, plan.image_sha, plan.width, plan.height, plan.mpp, plan.key, *given, trained=plan.trained)

    def add(self, part: Part) -> None:
        """Count a tile's cells."""
        self.nuclei_skipped += part.skipped
        # neighbouring tiles report the same damage
        self.unreadable = list(dict.fromkeys((*self.unreadable, *part.damages)))
        for cell in part.cells:
            self.cells += 1
            self.abnormal += cell.abnormal
            if cell.label == NEITHER:
                self.neither[cell.kind] = self.neither.get(cell.kind, 0) + 1
            if cell.given:
                self.given[cell.given] = self.given.get(cell.given, 0) + 1
            if cell.agrees is not None:
                self.compared += 1
                self.agreed += cell.agrees
            if cell.out_of_distribution is not None:
                self.out_of_distribution = (self.out_of_distribution or 0) + cell.out_of_distribution
            self.histogram[min(BINS - 1, int(cell.score * BINS))] += 1

    def above(self, threshold: float) -> int:
        """Cells of a score of `threshold`, an edge of the histogram's or the one of the calls, or more."""
        if threshold == self.threshold:
            return self.abnormal
        return sum(self.histogram[round(threshold * BINS) :])

    def line(self) -> str:
        """What the terminal says of the image, without its warnings."""
        where = f" at the nuclei of {self.given_nuclei}" if self.given_nuclei else ""
        return f"{self.image}{where}: {counts_text([self])}"

    def given_line(self) -> str:
        """What people called the cells, and how often the net agrees; "" if nobody did."""
        if not self.given:
            return ""
        line = f"classes that a person gave are kept: {neither_text(self.given)}"
        return f"{line}; the net agrees with {self.agreed} of {self.compared} whose side is known"

    def warnings(self) -> list[str]:
        """What was not screened, a line each."""
        found = [f"{self.image}: {_text(d.box)} cannot be read ({d.reason})" for d in self.unreadable[:5]]
        if len(self.unreadable) > 5:
            found.append(f"and {len(self.unreadable) - 5} more, all in {RECORD}")
        if self.nuclei_skipped:
            found.append(f"{self.nuclei_skipped} nuclei were skipped: their views would show what cannot be read")
        for tile in self.not_screened:
            again = "the same command tries again"
            found.append(f"{self.image}: {_text(tile.box)} were not screened: {tile.reason}; {again}")
        return found


def counts_text(results: Sequence[ImageResult]) -> str:
    """The cells of images in numbers: all, those called abnormal or neither, those out of distribution."""
    neither = sum((Counter(one.neither) for one in results), Counter())
    found = [f"{sum(one.cells for one in results):,} cells", f"{sum(one.abnormal for one in results):,} abnormal"]
    found += [neither_text(neither)] if neither else []
    checked = [one.out_of_distribution for one in results if one.out_of_distribution is not None]
    found += [f"{sum(checked):,} out of distribution"] if checked else []
    return ", ".join(found)


def _text(box: Box) -> str:
    return f"{box.width} x {box.height} pixels at {box.x}, {box.y}"


class ScreenRecord(Record, frozen=True):
    """screen.json: the settings of a call, and the result of each image."""

    FILE = RECORD
    MADE_BY = "tools/screen.py"

    settings: Settings
    images: list[ImageResult]


def require_nothing_overwritten(out: Path, images: Sequence[Path], nuclei: Path | None) -> None:
    """Refuse if a result would replace what is read, or a file that no screening wrote.

    Raises UserError naming the file.
    """
    names = result_names(images)
    written = {(out / name).resolve() for name in names}
    for image in images:
        if image.suffix.lower() == ".mrxs" and (out / image.stem).resolve() == image.with_suffix("").resolve():
            expected = f"a folder for the results of {image.name}"
            raise UserError(out / image.stem, expected, "the slide's own data", "Give another `out`.")
    for path in (*images, *([nuclei] if nuclei else [])):
        if path.resolve() in written:
            found = f"one of the results in {out}"
            raise UserError(path, "a file that no result replaces", found, "Give another `out`.")
    require_own(out, [*names, f"{PARTS}/any"])


def result_names(images: Sequence[Path]) -> list[str]:
    """All files that a screening may write into its folder, below that."""
    return [*RESULTS, *(f"{image.stem}/{name}" for image in images for name in OF_IMAGE)]


def require_same_call(out: Path, plans: Sequence[ImagePlan], overwrite: bool = False) -> None:
    """Refuse a folder with results of another image, and unless `overwrite` of another net, detector or threshold."""
    older = ScreenRecord.read_if_there(out)
    if older is None:
        return
    names, sums = {plan.name for plan in plans}, {plan.image_sha for plan in plans}
    lost = [result.image for result in older.images if result.image not in names]
    if not lost and not {result.sha256 for result in older.images} & sums:
        lost = [older.images[0].image]  # all are other pictures under the same names
    if lost:
        found = f"results of {lost[0]}, another image"
        raise UserError(out, "a new folder, or older results of these images", found, ANOTHER)
    if overwrite:
        return
    wanted, found = plans[0].settings.weights_sha, older.settings.weights_sha
    if wanted != found:
        do = "Give another `out`, or `overwrite` to replace these scores."
        raise UserError(out, f"results of the net {wanted[:12]}", f"those of the net {found[:12]}", do)
    found_by, older_by = ((one.detector_sha, one.confidence) for one in (plans[0].settings, older.settings))
    if found_by != older_by:
        do = "Give another `out`, or `overwrite` to replace these cells."
        raise UserError(out, "results of the same nuclei", "those of another detector, confidence or list", do)
    limit, older_limit = (settings.threshold for settings in (plans[0].settings, older.settings))
    if limit != older_limit:
        do = "Give another `out`, or `overwrite` to replace these calls."
        text = short if short(limit) != short(older_limit) else "{:g}".format
        raise UserError(out, f"results at threshold {text(limit)}", f"those at threshold {text(older_limit)}", do)


def remove_older(out: Path, plans: Sequence[ImagePlan]) -> None:
    """Remove an older call's results; `require_same_call` has made sure that it had no other images."""
    images = [Path(plan.image) for plan in plans]
    require_own(out, result_names(images))  # somebody may have put a file there meanwhile
    for name in result_names(images):
        remove(out / name)
    for image in images:
        _remove_empty(out / image.stem)


def remove_parts(folder: Path, plans: Sequence[ImagePlan]) -> None:
    """Remove the parts of these plans: the results hold all of it. Those of other settings may wait for their call."""
    keys, given = {plan.key for plan in plans}, {nuclei_path(folder, Path(plan.image)) for plan in plans}
    for path in folder.iterdir() if folder.is_dir() else ():
        part = PART.fullmatch(path.name)
        if (part and part[1] in keys) or path in given or LEFT.fullmatch(path.name):
            remove(path)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def parts_of(plan: ImagePlan, tiles: Sequence[Box]) -> Iterator[Part]:
    """The parts of a plan in the order of its tiles, one in memory at a time.

    Tiles share no cell, since each keeps only what it owns. UserError for a part that is missing or damaged.
    """
    for tile in tiles:
        yield read_part(plan.part(tile), plan.key, tile, plan.name, plan.settings.threshold)


def write_results(
    out: Path, work: Work, outputs: Outputs = Outputs(), failed: Failed | None = None
) -> list[ImageResult]:
    """Write all results of a call from its parts: tables, GeoJSON, overlays, galleries and screen.json.

    All parts of `work` exist, but for those of `failed`, which the results name. Several images have a gallery each,
    too, and a row in summary.html.

    Raises UserError if an image is no longer the one that was screened; then there are no results.
    """
    # written anew as a whole: results of two calls side by side could not be told apart
    plans = [plan for plan, _ in work]
    names = result_names([Path(plan.image) for plan in plans])
    remove_older(out, plans)
    note_begun(out, names)
    try:
        results = _write_all(out, work, outputs, failed or {})
        # the pictures in the pages were read now, and the parts may be of an earlier call
        for plan in plans:
            require_same_bytes(plan)
        ScreenRecord(plans[0].settings, results).write(out)
    except Exception:
        remove_older(out, plans)
        raise
    note_written(out, names)
    return results


def _write_all(out: Path, work: Work, outputs: Outputs, failed: Failed) -> list[ImageResult]:
    """All of `write_results` but screen.json, which says that they are complete."""
    settings = work[0][0].settings
    several = len(work) > 1
    results, best, choice = [], highest(outputs.shown), Choice(outputs.choose)
    gallery, rows = Gallery(settings, len(work)), []
    scored_by = (f"{settings.device.engine} {settings.device.precision}", settings.weights_sha)
    more = {"named": bool(settings.classes), "with_threshold": bool(settings.threshold_said)}
    more["with_given"] = any(plan.has_given for plan, _ in work)
    with writing_tables(out, *scored_by, **more) as write:
        for plan, tiles in work:
            result = ImageResult.of(plan)
            result.not_screened = [Damage(tile, failed[plan, tile]) for tile in tiles if (plan, tile) in failed]
            finished = [tile for tile in tiles if (plan, tile) not in failed]
            folder = out / Path(plan.image).stem
            takers = [write, best.add, choice.add]
            cells = _write_image(folder, plan, finished, result, outputs, takers)
            results.append(result)
            if several:
                # while this image is open, so that it is not opened once more
                own = Gallery(settings)
                own.add_image(plan, planned_image(plan).slide, cells[: outputs.shown])
                own.write(folder / "gallery.html", [result], OF_ONE)
                rows.append(own.summary_row(result, f"{folder.name}/gallery.html"))
    # the gallery comes last: which cells it shows is known once all images are through
    ranks = {cell.id: rank for rank, cell in enumerate(choice.cells())}
    shown = {cell.id: cell for cell in (*best.cells(), *choice.cells())}
    for plan, _ in work:
        cells = [cell for cell in shown.values() if cell.image == plan.name]
        gallery.add_image(plan, planned_image(plan).slide, cells, ranks)
    gallery.write(out / "gallery.html", results, {"summary.html": SUMMARY} if several else {})
    if several:
        write_summary(out / "summary.html", settings, rows)
    return results


def _write_image(
    folder: Path, plan: ImagePlan, tiles: Sequence[Box], result: ImageResult, outputs: Outputs, takers: list
) -> list[ScreenedCell]:
    """Write an image's own files, hand its cells to `takers` and count them; returns those with the highest scores."""
    folder.mkdir(parents=True, exist_ok=True)
    best, uncertain = highest(max(SHOWN, outputs.shown)), most_uncertain(SHOWN)
    picture = Overlay(planned_image(plan).small, plan.size, plan.mpp, plan.settings.threshold)
    writing = partial(
        writing_geojson,
        image=plan.name,
        gzipped=outputs.gzipped,
        origin=plan.origin,
        score_colours=outputs.score_colours,
    )
    with writing(folder / "cells.geojson") as write:
        takers = [*takers, write, picture.add, best.add, uncertain.add]
        for part in parts_of(plan, tiles):
            result.add(part)
            for cell in part.cells:
                for take in takers:
                    take(cell)
    annotations = {"worst.geojson": best.cells()[:SHOWN], "uncertain.geojson": uncertain.cells()}
    for name, cells in annotations.items():
        with writing(folder / name, kind="annotation") as write:
            for cell in cells:
                write(cell)
    picture.write(folder / "overlay.png")
    return best.cells()
