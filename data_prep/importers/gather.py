"""From labels of any format to the cells of a manifest: classes, centres, repeats, and what is left out."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_prep.classes import LABELS, LEAVE_OUT, NEITHER, CellClass, ClassTable
from data_prep.importers import conventions, cric
from data_prep.importers import table as tables
from data_prep.importers.image_index import SUMMARY, ImageIndex, Slides
from data_prep.importers.labelled import LARGEST_UM2, Labelled, Source, shifted
from data_prep.importers.recognise import read_labels
from data_prep.importers.rounds import one_for_each_nucleus, tell_copies, unify_images
from data_prep.pixel_size import require_pixel_um
from deeppap.io.errors import FieldError, Mistakes, UserError
from deeppap.io.image_file import read_image
from deeppap.io.names import require_printable
from deeppap.io.progress import progress

# an image, uint8 (H, W, 3) BGR, and its pixel size in um -> nuclei, float64 (N, 2) of x and y
FindNuclei = Callable[[np.ndarray, float], np.ndarray]
LARGEST_CELL_UM = 200.0  # of the shorter side of a box, or of a picture of one cell; what is larger is a whole field
USUAL_UM = 0.2  # the pixel of a 40x scan or finer, where nobody says
NO_NUCLEUS = f"cells without a nucleus of their own (no nucleus drawn, or an outline above {LARGEST_UM2:g} um2)"

NO_CELL = f"boxes or pictures larger than any cell ({LARGEST_CELL_UM:g} um), such as whole fields"


@dataclass
class Gathered:
    """The cells of all sources, and what there is to say about them."""

    cells: list[Labelled] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)  # objects, by "path (format)"
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # where, by the reason
    names: dict[Path, str] = field(default_factory=dict)  # of the images, as the data set will call them
    slides: dict[str, Path] = field(default_factory=dict)  # that images were cut out of, by their checksums
    warnings: list[str] = field(default_factory=list)
    in_two_sources: int = 0  # pairs of labels of one cell, of two sources
    of_two_labels: int = 0  # those of them that contradict each other: normal, abnormal or neither

    def file_of(self, one: Labelled) -> Path:
        """The file that a person has labelled: the slide, if the image was cut out of it now, or the image."""
        return self.slides.get(one.slide_sha256, one.image)

    def by_image(self) -> dict[Path, list[Labelled]]:
        """The cells of each image, images in the order of their paths."""
        return self._by("image")

    def by_picture(self) -> dict[Path | str, list[Labelled]]:
        """The cells of each image, and of each slide those of all images that were cut out of it."""
        return self._by("picture")

    def _by(self, what: str) -> dict:
        found = defaultdict(list)
        for one in sorted(self.cells, key=lambda one: one.image):
            found[getattr(one, what)].append(one)
        return found


def gather(
    paths: Sequence[Path],  # files or folders of labels, each in a format of its own
    images: Sequence[Path] = (),  # folders of the images, or images; else they are beside the labels
    classes: str = "",  # see ClassTable
    mpp: float | None = None,  # micrometres a pixel, of all images
    find_nucleus: FindNuclei | None = None,  # where a box, or a picture of one cell, is all there is
    xy_is_centre: bool = False,  # in tables of boxes, x and y are the middle and not the upper left corner
    reviewed: bool = False,  # a person has looked at all objects: a net's class that was left is a label too
    look: Callable[[np.ndarray, Labelled], None] | None = None,  # is handed each cell while its image is decoded
    slides: Slides | None = None,  # reads those that labels name
) -> Gathered:
    """Read all labels and decide about each.

    Raises UserError for all mistakes of all sources at once.
    """
    require_pixel_um("mpp", mpp)
    table, mistakes, found = ClassTable(classes), Mistakes(), Gathered()
    for path in paths:
        labels = path if path.is_dir() else None if images else path.parent
        index = ImageIndex(images, labels, slides)
        source = Source(path, index, mpp, xy_is_centre, reviewed, mistakes, found.left_out, found.warnings)
        with mistakes.noted():
            objects = read_labels(source)
            found.read[f"{path} ({source.format})"] = len(objects)
            for one in objects:
                for what in ("kind", "id", "group", "by"):
                    require_printable(getattr(one, what) or "", one.where, what)
            objects = [one for one in objects if _fits(one, source)]
            conventions.check(objects, source)
            for one in objects:
                one.round = len(found.sources)
            found.cells += objects
            found.sources.append(source)
    found.cells = _classified(found.cells, table, found, mistakes)
    if not mistakes.errors:
        found.cells = _cut_out(found, mistakes)
    unify_images(found)
    _state_once(found, mistakes)
    mistakes.require_none()  # before the long part
    if find_nucleus and any(one.centre is None and not one.pixel_um for one in found.cells):
        raise FieldError("find_nucleus", "the pixel size of the images", "none", "Give `mpp`, in micrometres.")
    found.cells = _placed(found, find_nucleus, look, mistakes)
    found.cells = one_for_each_nucleus(found)
    if not found.cells:
        left = "; ".join(f"{len(where)} {why}" for why, where in found.left_out.items())
        lines = all(source.format == tables.NAME for source in found.sources)
        do = "Label cells, and save them again." if lines and not left else "Give objects their classes; export again."
        mistakes.add(UserError(paths[0], "labelled cells", left or "none", do))
    mistakes.require_none()
    tell_copies(found)
    found.names = _named(found)
    _grouped(found)
    return found


def _fits(one: Labelled, source: Source) -> bool:
    """Complete an object's pixel size, and whether it is a nucleus; False where its image cannot be read.

    False, too, for what is larger than any cell.
    """
    with source.mistakes.noted():
        height, width = source.images.size(one.image)
        published = cric.PIXEL_UM if source.format == cric.NAME and width == cric.WIDTH else None
        slide = source.images.slide(one.image)
        # what a line states is not overruled: rounds of several pixel sizes are joined by one call
        if source.mpp and one.pixel_um and not math.isclose(source.mpp, one.pixel_um, rel_tol=0.01):
            stated = f"{source.path}: some lines state {one.pixel_um:g} um a pixel, which counts there"
            source.warn(f"{stated}; {source.mpp:g} um is for lines that state none.")
        one.pixel_um = one.pixel_um or source.mpp or published or (slide.mpp if slide else None)
        if line := source.images.other_size(one.image, one.pixel_um):
            source.warn(line)
        if one.area and one.area > LARGEST_UM2 / (one.pixel_um or USUAL_UM) ** 2:
            one.centre, one.whole_cell = None, True
        if one.centre is None and one.box.shorter * (one.pixel_um or USUAL_UM) > LARGEST_CELL_UM:
            source.left_out[NO_CELL].append(one.where)
            return False
        return True
    return False


def _classified(objects: list[Labelled], table: ClassTable, found: Gathered, mistakes: Mistakes) -> list[Labelled]:
    """The objects of classes that are wanted; a class that is not known is a mistake, once."""
    unknown: dict[str, list[str]] = defaultdict(list)
    contradicted: dict[tuple[str, str], list[str]] = defaultdict(list)
    kept = []
    for one in objects:
        if not one.kind:
            found.left_out["objects without a class"].append(one.where)
            continue
        try:
            one.known = table.find(one.kind)
        except KeyError:
            if one.label not in LABELS:
                unknown[one.kind].append(one.where)
                continue
            one.known = CellClass(one.kind, one.label)  # an earlier import says what this name means
        if one.known and one.label in LABELS and one.label != one.known.label and not table.speaks_of(one.kind):
            if NEITHER not in (one.label, one.known.label):
                contradicted[one.kind, one.label].append(one.where)
                continue
            one.known = CellClass(one.known.name, one.label)  # an earlier import has decided
        if one.known:
            kept.append(one)
        else:
            found.left_out[f"objects of class {one.kind}, as `classes` says"].append(one.where)
    for kind, where in unknown.items():
        do = f'Say what it is: `classes` "{kind}=CLASS", CLASS being NILM, LSIL, ..., normal, abnormal or {LEAVE_OUT}.'
        mistakes.add(UserError(where[0], "a known class", f"{kind} ({len(where)} objects)", do))
    for (kind, label), where in contradicted.items():
        do = f'Correct the column `label`, or say `classes` "{kind}={label}".'
        found_label = f"{label} ({len(where)} objects)"
        mistakes.add(UserError(where[0], f"a label that fits the class {kind}", found_label, do))
    for name in table.unused({one.kind: 0 for one in objects}):
        found.warnings.append(f"`classes` speaks of {name}, which no object is called.")
    return kept


def _cut_out(found: Gathered, mistakes: Mistakes) -> list[Labelled]:
    """The same objects, those on slides as objects of images that are cut out of the slides."""
    kept: list[Labelled] = []
    on_slides: list[Labelled] = []
    for one in found.cells:
        (on_slides if found.sources[one.round].images.slide(one.image) else kept).append(one)
    on_slides.sort(key=lambda one: one.image)  # slide after slide: opening one takes long
    for one in progress(on_slides, desc="cut fields out", unit="cell") if on_slides else ():
        with mistakes.noted():
            index, slide = found.sources[one.round].images, one.image
            path, corner = index.slides.field(slide, *(one.centre or one.box.middle), one.pixel_um)
            sha256, index.root_of[path] = index.slide(slide).sha256, path.parent
            found.slides.setdefault(sha256, slide)
            about = {"image": path, "slide_sha256": sha256, "corner": corner}
            kept.append(replace(shifted(one, -corner[0], -corner[1]), **about))
    return kept


def _state_once(found: Gathered, mistakes: Mistakes) -> None:
    """All cells of an image or slide have the pixel size and the group that any label of it states; two are a mistake.

    A net would see another part of each cell, or be tested on what it learned from: the images cut out of a slide
    overlap. A label that replaces another one may state less.
    """
    for cells in found.by_picture().values():
        name = found.file_of(cells[0]).name
        wrong = "Correct the wrong one. `mpp` counts for lines that state none."
        for what, said, do in (
            ("pixel_um", "pixel size of", wrong),
            ("group", "group for all cells of", "Give them one."),
        ):
            stated: dict[str, Labelled] = {}  # with the first label that states it
            for one in cells:
                if value := getattr(one, what):
                    stated.setdefault(value if what == "group" else f"{value:g} um", one)
            if len(stated) > 1:
                shown = " and ".join(f"{value} ({one.where})" for value, one in list(stated.items())[:2])
                mistakes.add(UserError(cells[0].where, f"one {said} {name}", shown, do))
            for first in [*stated.values()][:1]:
                for one in cells:
                    setattr(one, what, getattr(first, what))


def _placed(
    found: Gathered, find_nucleus: FindNuclei | None, look: Callable | None, mistakes: Mistakes
) -> list[Labelled]:
    """The objects with a centre, image after image, each image decoded once."""
    kept = []
    for path, objects in progress(found.by_image().items(), desc="images", unit="image"):
        with mistakes.noted():
            image = read_image(path)
            boxes = [one for one in objects if one.centre is None]
            nuclei = find_nucleus(image, boxes[0].pixel_um) if find_nucleus and boxes else np.empty((0, 2))
            for one in boxes:
                _find_centre(one, nuclei, found)
            placed = [one for one in objects if one.centre is not None]
            for one in placed if look else ():
                look(image, one)
            kept += placed
    return kept


def _find_centre(one: Labelled, nuclei: np.ndarray, found: Gathered) -> None:
    """The most central nucleus of a box, else its middle; of a whole cell no middle."""
    left, top, right, bottom = one.box
    x, y = nuclei[:, 0], nuclei[:, 1]
    inside = nuclei[(left <= x) & (x <= right) & (top <= y) & (y <= bottom)]
    if len(inside):
        distances = np.linalg.norm(inside - one.box.middle, axis=1)
        one.centre, one.centre_from = tuple(inside[distances.argmin()].tolist()), "detector"
    elif one.whole_cell:
        found.left_out[NO_NUCLEUS].append(one.where)
    else:
        one.centre, one.centre_from = one.box.middle, "middle"


def _grouped(found: Gathered) -> None:
    """If groups are named, or images hold several cells, every image or slide that has none is a group."""
    pictures = found.by_picture()
    named = any(one.group or one.slide_sha256 for one in found.cells) or len(pictures) < len(found.cells)
    for cells in pictures.values() if named else ():
        for one in cells:
            # Roboflow's turned and cropped copies of a.jpg are a_jpg.rf.HASH.jpg
            one.group = one.group or found.names[found.file_of(cells[0])].split(".rf.")[0]


def _named(found: Gathered) -> dict[Path, str]:
    """Every image's path in the new data set: as below its own folder, under that folder's name where two are alike."""
    roots = {path: source.images.root_of[path] for source in reversed(found.sources) for path in source.images.root_of}
    for path in found.by_image():
        require_printable(path.name, path)
    # an earlier import has its images in images/, and the new data set puts them there again
    bases = {root: root / "images" if (root / SUMMARY).exists() else root for root in set(roots.values())}
    paths = [*found.by_image(), *found.slides.values()]
    short = {path: path.relative_to(bases[roots[path]]).as_posix() for path in paths}
    counts = Counter(short.values())
    names = {path: name if counts[name] == 1 else f"{roots[path].name}/{name}" for path, name in short.items()}
    if len(set(names.values())) < len(names):
        again = next(name for name, count in Counter(names.values()).items() if count > 1)
        raise UserError(again, "images of different names or folders", "two alike", "Rename one of their folders.")
    return names
