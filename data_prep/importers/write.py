"""The folder that an import makes: images, cells.csv, a picture to check it by, and a summary."""

import shlex
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from data_prep.classes import ABNORMAL, LABELS, NEITHER, NORMAL
from data_prep.folds import FEWEST_TRAINED, FOLDS
from data_prep.image_hashes import some_names
from data_prep.importers.gather import Gathered
from data_prep.importers.image_index import SUMMARY
from data_prep.importers.labelled import Labelled
from data_prep.views import PATCH
from deeppap.io.errors import UserError, printable
from deeppap.io.files import complete_or_absent
from deeppap.io.names import CsvWriter
from deeppap.io.own_files import note_written, require_all_own

COLUMNS = ("image", "label", "class", "nucleus_x", "nucleus_y", "group", "pixel_um", "id", "centre_from", "source")
OF_SLIDES = ("slide_sha256", "field_x", "field_y")  # where a field's first pixel lies on its slide
SHOWN, NAMED = 12, 3  # cells of a class in the picture; places that a line names of many
SIDE, NAME_WIDTH = 112, 190  # pixels of the picture
LEAST = 5  # cells of each label that five folds need
ENOUGH = FEWEST_TRAINED * FOLDS // (FOLDS - 1)  # labelled cells to adapt a net with: one fold of them tests it
INCLUDED = "models/herlev_cric"  # the net that everybody has
CORE, AROUND = 7, 65  # pixels a side: what is compared at a centre, and what with
# of centres that are darker than what is about them: nearly all right ones are, and of those beside a nucleus half
DARK, JUDGED = 0.75, 20


class CheckPicture:
    """Collects cells of each class, evenly over what comes, and draws them with a cross on their centres."""

    def __init__(self):
        self.seen: Counter[str] = Counter()
        self.shown: dict[str, list[np.ndarray]] = defaultdict(list)
        self.dark: list[bool] = []  # is a centre darker than what is about it? of normal and abnormal cells

    def add(self, image: np.ndarray, one: Labelled) -> None:
        """Look at a cell of an image, uint8 (H, W, 3) BGR."""
        name = one.known.name
        self.seen[name] += 1
        if one.known.label != NEITHER:
            core, around = (cv2.getRectSubPix(image, (side, side), one.centre) for side in (CORE, AROUND))
            self.dark.append(bool(core.mean() < np.median(around.mean(axis=2))))
        place = self.seen[name]
        if place > SHOWN:  # reservoir sampling, seeded by the cell's own number
            place = int(np.random.default_rng(place).integers(1, place, endpoint=True))
        if place > SHOWN:
            return
        # what the net sees, before any turning: it repeats the rim where the image ends
        window = cv2.resize(cv2.getRectSubPix(image, (PATCH, PATCH), one.centre), (SIDE, SIDE))
        middle = (SIDE - 1) // 2
        for colour, thick in (((255, 255, 255), 3), ((0, 0, 0), 1)):
            cv2.drawMarker(window, (middle, middle), colour, cv2.MARKER_CROSS, 13, thick)
        pictures = self.shown[name]
        if place <= len(pictures):
            pictures[place - 1] = window
        else:
            pictures.append(window)

    def doubt(self) -> str | None:
        """A line if many centres are not on a nucleus, as where boxes are given by another corner than is believed."""
        dark, cells = sum(self.dark), len(self.dark)
        if cells < JUDGED or dark >= DARK * cells:
            return None
        found = f"only {dark:,} of {cells:,} centres are darker than what is about them"
        asked = "do they lie on nuclei? Points may be in another unit, and a box given by its middle (--xy-is-centre)"
        return f"{found}: {asked}."

    def draw(self) -> np.ndarray:
        """A row a class, uint8 (H, W, 3) BGR."""
        rows = []
        for name, pictures in sorted(self.shown.items()):
            row = np.full((SIDE + 4, NAME_WIDTH + SHOWN * (SIDE + 4), 3), 255, np.uint8)
            text = name.encode("ascii", "replace").decode()[:24]
            cv2.putText(row, text, (6, SIDE // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
            for number, picture in enumerate(pictures):
                left = NAME_WIDTH + number * (SIDE + 4)
                row[2 : SIDE + 2, left : left + SIDE] = picture
            rows.append(row)
        return np.concatenate(rows)


def require_place(out: Path, inputs: list[Path]) -> None:
    """Refuse a place where something else lies than an earlier import, such as a cells.csv that was corrected."""
    require_all_own(out)
    for path in inputs:
        if path.resolve().is_relative_to(out.resolve()):
            raise UserError(out, f"another folder than that of {path}", "the same", "Choose another `out`.")


def write(found: Gathered, out: Path, picture: CheckPicture, said: Callable[[str], str] = str) -> list[str]:
    """Write the folder, complete or absent; returns the lines of its summary.

    `said` names the parameters in them as the user knows them.
    """
    images = found.by_image()
    if line := picture.doubt():
        found.warnings.append(line)
    lines = list(map(said, summary(found, out)))
    if (out / SUMMARY).exists():
        lines.insert(-1, f"an earlier import in {out} was replaced")  # the last line says what comes next
    need = sum(path.stat().st_size for path in images) + 10_000_000
    with complete_or_absent(out, need) as partial:
        for path in images:
            copy = partial / "images" / found.names[path]
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        with (partial / "cells.csv").open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = CsvWriter(file)
            columns = (*COLUMNS, *OF_SLIDES) if any(one.slide_sha256 for one in found.cells) else COLUMNS
            writer.writerow(columns)
            writer.writerows(row[: len(columns)] for row in _rows(found))
        (partial / "import_check.png").write_bytes(cv2.imencode(".png", picture.draw())[1].tobytes())
        text = "\n".join([*lines, "", *map(said, map(printable, details(found)))]) + "\n"
        (partial / SUMMARY).write_text(text, encoding="utf-8", errors="backslashreplace")
        note_written(partial)
    return lines


def _rows(found: Gathered) -> list[list[str]]:
    rows, ids = [], set()
    for path, cells in found.by_image().items():
        name = found.names[path]
        stem = name.rsplit(".", 1)[0]
        for number, one in enumerate(cells, 1):
            identity = one.id if one.id and one.id not in ids else stem if len(cells) == 1 else f"{stem}_{number}"
            while identity in ids:
                identity += "_"
            ids.add(identity)
            centre = [f"{value:.2f}" for value in one.centre]
            pixel = f"{one.pixel_um:g}" if one.pixel_um else ""
            about = [one.group or "", pixel, identity, one.centre_from, one.where]
            about += [one.slide_sha256, *one.corner] if one.slide_sha256 else [""] * len(OF_SLIDES)
            rows.append([f"images/{name}", one.known.label, one.known.name, *centre, *about])
    return rows


def summary(found: Gathered, out: Path) -> list[str]:
    """What was read, what became of it, and what to do next."""
    lines = [f"read {count:,} objects: {name}" for name, count in found.read.items()]
    lines.append(f"{len(found.cells):,} cells in {len(found.by_image()):,} images")
    if slides := {one.slide_sha256: one.group for one in found.cells if one.slide_sha256}:
        names = some_names(sorted(set(slides.values())))
        lines.append(f"the images are fields cut out of {len(slides):,} slide(s); each slide is of one group: {names}")
    for label in LABELS:
        classes = Counter(one.known.name for one in found.cells if one.known.label == label)
        if classes:
            names = ", ".join(f"{name} {count:,}" for name, count in classes.most_common())
            lines.append(f"  {label}: {classes.total():,} ({names})")
    origins = Counter(one.centre_from for one in found.cells)
    lines.append("centres from: " + ", ".join(f"{name} {count:,}" for name, count in origins.most_common()))
    sizes = sorted({f"{one.pixel_um:g} um" if one.pixel_um else "not stated" for one in found.cells})
    lines.append(f"pixel size: {' and '.join(sizes)}")
    if found.in_two_sources:
        against = (
            f"{found.of_two_labels:,} of them contradict its label (normal, abnormal, neither): the later one counts"
        )
        lines.append(f"taken as a cell that another source has: {found.in_two_sources:,}, {against}")
    for why, where in found.left_out.items():
        more = f"; ... all in {out / SUMMARY}" if len(where) > NAMED else ""
        lines.append(f"left out: {len(where):,} {why}: {'; '.join(where[:NAMED])}{more}")
    lines += [f"!! {line}" for line in warnings(found)]
    lines.append(f"look at {out / 'import_check.png'}: each cross must lie on a nucleus")
    lines = list(map(printable, lines))
    return [*lines, f"Next: {_next(found, out)}"]


def _next(found: Gathered, out: Path) -> str:
    """What to do with the cells: adapt the net that is included, or label more where they are too few for that."""
    cells, data = (printable(shlex.quote(str(path))) for path in (out / "cells.csv", out))
    counts, groups = _labels(found), {one.group for one in found.cells}
    um = next((one.pixel_um for one in found.cells if one.pixel_um), None)
    adapt = f"tools/train.py --from {INCLUDED}/fold0 --data {data}"
    alone = None in groups  # pictures of single cells
    unit = "slides" if any(one.slide_sha256 for one in found.cells) else "images"
    missing = {
        "cells": ENOUGH - sum(counts.values()),
        **{f"{label} cells": LEAST - count for label, count in counts.items()},
        unit: 0 if alone else FOLDS - len(groups),
    }
    if more := [f"{count} more {what if count > 1 else what[:-1]}" for what, count in missing.items() if count > 0]:
        gallery = f"tools/screen.py IMAGES --mpp {f'{um:g}' if um else 'UM'} --net {INCLUDED} --choose 200"
        label = f"label {', '.join(more)} or more to adapt a net (docs/how-to/label-adapt-screen.md)"
        return (
            f"{label}. {gallery} makes a gallery to label in; tools/classify.py --csv {cells} --net {INCLUDED} scores"
        )
    if not um:
        return f"the same command with `mpp`, the micrometres of a pixel, without which no net is adapted; then {adapt}"
    return f"{adapt} --protocol cell" if alone else adapt


def _labels(found: Gathered) -> dict[str, int]:
    """How many cells are normal, and how many abnormal."""
    counts = Counter(one.known.label for one in found.cells)
    return {label: counts[label] for label in (NORMAL, ABNORMAL)}


def warnings(found: Gathered) -> list[str]:
    """The lines that a user must not miss."""
    lines = list(found.warnings)
    origins = Counter(one.centre_from for one in found.cells)
    if origins["middle"]:
        looked = "The detector found no nucleus there." if origins["detector"] else "Find the nuclei: `find_nucleus`."
        lines.append(f"{origins['middle']:,} centres are the middle of a box or of a picture. {looked}")
    if any(one.known.label == NEITHER for one in found.cells):
        names = sorted({one.known.name for one in found.cells if one.known.label == NEITHER})
        lines.append(
            f"{', '.join(names)}: neither normal nor abnormal, so nets of two classes do not use them. For debris "
            f'and leukocytes that is right. If a class is normal for you, say `classes` "NAME={NORMAL}".'
        )
    for label, count in _labels(found).items():
        if count < LEAST:
            folds = "five folds (parts that test a net in turn)"
            lines.append(f"only {count} {label} cells: {folds} need {LEAST} or more of each.")
    return lines


def details(found: Gathered) -> list[str]:
    """Every object that was left out, or whose centre is a guess."""
    middles = [one.where for one in found.cells if one.centre_from == "middle"]
    reasons = {**found.left_out, "centres that are the middle of a box": middles}
    return [line for why, where in reasons.items() if where for line in (f"{why}:", *(f"  {place}" for place in where))]
