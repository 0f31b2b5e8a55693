"""Checks of conventions: coordinates of another kind than the format promises are refused, not believed."""

from collections.abc import Iterator, Sequence

import numpy as np

from data_prep.importers.labelled import HALF, Labelled, Source
from deeppap.io.errors import UserError

FEW = 5.0  # pixels: where all cells of a set lie so close to the first pixel, the numbers are not pixels
PERCENT = 100.0
MANY = 5  # boxes, which by chance are not all like that
SLACK = 2.0  # pixels that a box may reach beyond its image
MOST_LINES = 5  # of one kind of mistake, with what the rest have in common said in each


def check(objects: Sequence[Labelled], source: Source) -> None:
    """Note in `source.mistakes` what cannot be meant of its objects, which have a centre or a box alone."""
    sizes = [source.images.size(one.image)[::-1] for one in objects]  # (width, height)
    if not objects or _are_fractions(objects, sizes, source):
        return
    points = np.array([one.centre or one.box.middle for one in objects])
    errors = list(_boxes(objects, np.array(sizes), source))
    # a box's middle outside the image says no more than the box itself
    for error in errors or _outside(objects, points, np.array(sizes)):
        source.mistakes.add(error)


def _are_fractions(objects: Sequence[Labelled], sizes: Sequence[tuple[int, int]], source: Source) -> bool:
    """Whether all lies in the first pixels; noted as a mistake, or for percentages as a warning."""
    corners = [one.centre or one.box[2:] for one in objects]
    largest, smallest_side = max(map(max, corners)), min(map(min, sizes))
    if largest <= FEW < smallest_side / 4:
        expected = f"places in pixels of images of {sizes[0][0]} x {sizes[0][1]}"
        do = "They look like fractions (YOLO's): multiply x by the image's width and y by its height."
        source.mistakes.add(UserError(source.path, expected, f"all of {len(objects)} within {largest:.3g} pixels", do))
        return True
    if largest <= PERCENT < smallest_side / 4 and len(objects) > 1:
        line = f"{source.path}: all {len(objects)} places lie within {largest:.0f} pixels of the upper left corner."
        source.warn(f"{line} If they are per cent of the image's sides, multiply them first.")
    return False


def _outside(objects: Sequence[Labelled], points: np.ndarray, sizes: np.ndarray) -> Iterator[UserError]:
    """Places outside their images; what is most likely wrong with all of them is told in each line."""
    out = ((points < -HALF) | (points > sizes - HALF)).any(axis=1)
    if not out.any():
        return
    do = "Give pixels of this image, 0-based, x the column."
    if (points[:, ::-1] <= sizes - HALF).all():
        do = "With x and y exchanged all lie inside: x must be the column."
    elif out.sum() > 1:
        do = f"{out.sum()} of {len(out)} lie outside. Were larger images labelled? {do}"
    for index in np.flatnonzero(out)[:MOST_LINES]:
        (x, y), (width, height) = points[index], sizes[index]
        yield UserError(objects[index].where, f"a place inside the {width} x {height} image", f"{x:g}, {y:g}", do)


def _boxes(objects: Sequence[Labelled], sizes: np.ndarray, source: Source) -> Iterator[UserError]:
    """Boxes without an area, beyond their images, and points that are the corners of boxes."""
    given = [k for k, one in enumerate(objects) if one.box is not None]
    for index in given:
        left, top, right, bottom = box = objects[index].box
        if not (right > left and bottom > top):
            found = ", ".join(f"{side:g}" for side in box)
            yield UserError(objects[index].where, "a box with width and height", found, "Correct it, or remove it.")
    boxes = np.array([objects[index].box for index in given]).reshape(-1, 4)
    places, extents = boxes[:, :2] + HALF, boxes[:, 2:] - boxes[:, :2]
    images = {objects[index].image for index in given}
    # in pictures of single cells a box may begin at the corner
    if len(boxes) >= max(MANY, 2 * len(images)) and (extents > places).all():
        found = f"all {len(boxes)} wider than their left side's place, and higher than their upper side's"
        do = "The numbers look like left, top, right and bottom: give width and height in place of right and bottom."
        yield UserError(source.path, "boxes by their place, width and height", found, do)
        return  # what else is odd about them follows from this
    beyond = ((boxes < -HALF - SLACK) | (boxes > np.tile(sizes[given], 2) - HALF + SLACK)).any(axis=1)
    if source.corner_boxes and beyond.any():
        expected, found = "boxes inside their images", f"{beyond.sum()} of {len(beyond)} that reach beyond"
        do = "If x and y are a box's middle, not its upper left corner, add `xy_is_centre`."
        yield UserError(objects[given[int(beyond.argmax())]].where, expected, found, do)
    pointed = [k for k in given if objects[k].centre_from == "point" and objects[k].centre]
    centres = np.array([objects[k].centre for k in pointed]).reshape(-1, 2)
    sides = np.array([objects[k].box for k in pointed]).reshape(-1, 2, 2)
    # on the left or the right side, and on the upper or the lower one
    corners = (np.abs(centres[:, None] - sides).min(axis=1) <= 1).all(axis=1)
    if len(corners) > 1 and corners.all():
        expected, found = "points inside their boxes", f"all {len(corners)} on a corner"
        do = "They are the boxes' corners, not nuclei: leave those columns out, and the boxes are used."
        yield UserError(source.path, expected, found, do)
