"""How many views a set's cells get: more where it is small, and more of the smaller class; one rotation grid for both.

Views are added as translations, so that the angles of a view keep telling nothing (profiles.toml). All folds of a run
get the same counts, from the whole set's numbers of cells.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from data_prep.folds import FOLDS
from data_prep.profiles import FILE, Profile
from data_prep.views import Grid
from data_prep.written_counts import batch_and_epochs
from deeppap.records import RunRecord

EVEN = 1.1  # the larger class's views over the smaller one's
Grids = dict[int, Grid]  # by label
NAMES = ("normal", "abnormal")


def fit_views(written: Profile, run: RunRecord) -> Profile:
    """The profile with the training views that a set of so many normal and abnormal cells gets.

    As written where that is even and long enough, and for sets of the paper's own plan (Herlev).
    """
    if run.dataset.view_plan != "balanced" or not all(run.dataset.labels):
        return written
    batch, epochs = batch_and_epochs(written, run.classes)
    least = (math.ceil(written.least_iterations / epochs) - 1) * batch + 1 if written.least_iterations else 0  # views
    grids = _even(written.train, run.dataset.labels) if written.balance else _multiples(written.train)
    return replace(written, train=next(train for train in grids if _views(train, run) >= least))


def iterations(profile: Profile, run: RunRecord) -> int:
    """Iterations of a fold's training, of a set dealt evenly to its folds."""
    batch, epochs = batch_and_epochs(profile, run.classes)
    return math.ceil(_views(profile.train, run) / batch) * epochs


def _views(train: Grids, run: RunRecord) -> int:
    """Training views of a fold, of a set dealt evenly to its folds."""
    cells = list(run.dataset.labels)
    for _ in range(2 if run.select == "inner" else 1):  # `inner` takes another fifth, out of the training cells
        cells = [count - math.ceil(count / FOLDS) for count in cells]
    return sum(cells[label] * grid.views for label, grid in train.items())


def _multiples(written: Grids) -> Iterator[Grids]:
    """Ever more translations of both classes, in the proportion that is written."""
    for times in itertools.count(1):
        yield {label: Grid(grid.rotations, grid.translations * times) for label, grid in written.items()}


def _even(written: Grids, cells: Sequence[int]) -> Iterator[Grids]:
    """Ever more translations, of those numbers with which both classes come out with as many views; fewest first."""
    if _uneven(written, cells) <= EVEN:
        yield written
    more = max(written, key=lambda label: cells[label] * written[label].views)
    less = 1 - more
    for translations in itertools.count(written[more].translations):
        large = Grid(written[more].rotations, translations)
        wanted = cells[more] * large.views / (cells[less] * written[less].rotations)
        small = Grid(written[less].rotations, max(written[less].translations, round(wanted)))
        if _uneven(grids := {more: large, less: small}, cells) <= EVEN:
            yield {label: grids[label] for label in written}


def _uneven(grids: Grids, cells: Sequence[int]) -> float:
    views = [cells[label] * grid.views for label, grid in grids.items()]
    return max(views) / min(views)


def plan_lines(written: Profile, fitted: Profile, run: RunRecord) -> list[str]:
    """What differs from the profile as it is written, and why; nothing where nothing does."""
    if fitted.train == written.train:
        return []
    classes = [_class_line(label, written, fitted, run.dataset.labels) for label in (0, 1)]
    lines = [f"training views: {'; '.join(classes)}"]
    if written.balance and _uneven(written.train, run.dataset.labels) > EVEN:
        lines.append(f"  both classes get about as many views; balance = false in {FILE.name} keeps those written")
    if (few := iterations(written, run)) < written.least_iterations:
        lines.append(
            f"  a small set: {iterations(fitted, run)} iterations a fold instead of {few}, "
            f"for profile {written.name} wants {written.least_iterations} at the least"
        )
    return lines


def _class_line(label: int, written: Profile, fitted: Profile, cells: Sequence[int]) -> str:
    grid, before = fitted.train[label], written.train[label]
    return (
        f"{cells[label]} {NAMES[label]} cells x {grid.views} ({grid.rotations} rotations x {grid.translations} "
        f"translations; written: {before.translations})"
    )
