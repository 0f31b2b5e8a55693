"""One net of a learning curve: a run folder of its own, whose split leaves out the cells it does not learn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from data_prep.cells import Cell, Dataset, counts
from data_prep.folds import FOLDS, train_test_cells, with_left_out
from data_prep.prepare import freeze, run_profile
from deeppap.io.errors import UserError
from deeppap.records import RunRecord, SplitRecord
from deeppap.records.run_folder import locked, open_run
from deeppap.studies.cross_validate import Prepared

ADAPTED, ALONE = "adapted", "alone"


@dataclass(frozen=True)
class Point:
    """A net of the curve: `share` in percent of the groups, `start` ADAPTED or ALONE, in the curve's folder `home`."""

    seed: int
    share: int
    start: str
    home: Path
    ready: Prepared

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return self.home / f"seed{self.seed}-{self.share:03d}-{self.start}"

    def describe(self, fold: int) -> str:
        """What it is, for the terminal."""
        normal, abnormal = counts(train_test_cells(self.ready.dataset, self.ready.split, fold)[0], 2)
        return f"seed {self.seed}, {self.share} % ({normal} normal, {abnormal} abnormal cells), {self.start}"


def part_of(
    dataset: Dataset, split: SplitRecord, run: RunRecord, train: Sequence[Cell], cells: Sequence[Cell]
) -> Prepared:
    """The run of a part of a fold's training cells: its split, and its counts of views.

    A small part gets as many views as a small set would, of which four fifths are trained on.
    """
    part = with_left_out(split, {cell.id for cell in train} - {cell.id for cell in cells})
    labels = tuple(math.ceil(count * FOLDS / (FOLDS - 1)) for count in counts(cells, 2))
    own = replace(run, dataset=replace(run.dataset, labels=labels))
    return Prepared(dataset, part, own, run_profile(own))


def prepare_point(point: Point) -> None:
    """Make a point's run folder, or find it again."""
    with locked(point.folder, wait=True):
        open_run(point.ready.run, point.folder.name, point.home)
        freeze(point.folder, point.ready.dataset, point.ready.split)


def require_part(point: Point) -> None:
    """Refuse a point that is there and holds another part of the cells than the one that is asked for."""
    known = SplitRecord.read_if_there(point.folder)
    if known and known.split_sha != point.ready.split.split_sha:
        do = "Give another `run`, or the `shares` that it was made with: the smallest decides which groups come first."
        raise UserError(point.folder / SplitRecord.FILE, "the part of the cells that is asked for", "another", do)
