"""Profiles: how many views, epochs and images a run takes (profiles.toml), fitted to the size of its data set.

A small set gets more views, and so does the smaller class of a manifest. Views are added as translations, so that the
angle of a view keeps telling nothing of its class. All folds of a run get the same numbers.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, repeat
from typing import Annotated, Literal

import msgspec
from google.protobuf.message import Message

from data_prep.cells import Cell
from data_prep.classes import LABELS
from data_prep.folds import FOLDS
from data_prep.views import NO_JITTER, Grid, Jitter
from deeppap.io.caffe_messages import ROOT, training_prototxt, written_outputs
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import read_file
from deeppap.io.training_prototxt import read_training
from deeppap.records import DatasetRecord, RunRecord, SetRecord
from deeppap.records.record import Count

FILE = ROOT / "profiles.toml"
MAX_BYTES = 1_000_000
Views = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
EVEN = 1.1  # most that the views of the larger class may exceed those of the smaller one
Grids = dict[int, Grid]  # by label: normal, abnormal, and if the net tells them apart neither


@dataclass(frozen=True)
class Profile:
    """The numbers of one profile; 0 for `batch_size` and `epochs` means those of the prototxt."""

    name: str
    train: Grids
    test: Grid
    validation_views: int
    test_views: int
    crops: int
    batch_size: int
    epochs: int
    adapt_epochs: int = 0  # the same for prototxt/adapt
    adapt_batch: int = 0
    least_iterations: int = 0  # of a training; a small set gets more views until it has them
    balance: bool = False  # whether the smaller class gets more views until both have as many
    jitter: Jitter = NO_JITTER  # of training views
    # by the name of a set, if there are several: both classes of each get about as many views, since otherwise what
    # tells a set, such as its colour, would tell the class
    train_of_sets: dict[str, Grids] = field(default_factory=dict)

    def grid_of(self, cell: Cell) -> Grid:
        """The training views of a cell."""
        return self.train_of_sets.get(cell.set_name, self.train)[cell.label]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    """A profile as it is written; grids are rotations and translations."""

    unbalanced: dict[Literal["normal", "abnormal"], tuple[Views, Views]]
    balanced: dict[Literal["normal", "abnormal"], tuple[Views, Views]]
    test: tuple[Views, Views]
    validation_views: Views
    test_views: Views
    crops: Annotated[int, msgspec.Meta(ge=1, le=10)]
    batch_size: Count
    epochs: Count
    adapting: dict[Literal["epochs", "batch_size"], Count] = {}  # for prototxt/adapt
    least_iterations: Count = 0
    balance: bool = True
    stain_jitter: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.0
    scale_jitter: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.0


def _tables() -> dict[str, _Table]:
    """All profiles; UserError naming the field that is missing, unknown, or of another type or range."""
    do = f"Correct {FILE.name}."
    data = read_file(FILE, "profiles", MAX_BYTES, do)
    try:
        return msgspec.toml.decode(data, type=dict[str, _Table])
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:  # of TOML: ValueError
        raise UserError(FILE, "profiles as its first lines describe", f"{error}", do) from None


def read_profile(name: str, view_plan: str = "unbalanced") -> Profile:
    """Read one profile, with the training views of a data set's view plan.

    Raises UserError for a profile that does not exist or is malformed, and for rotations that would tell the classes
    apart.
    """
    known = _tables()
    if name not in known:
        raise FieldError("profile", f"one of {', '.join(known)}", name, f"Choose one, or add it to {FILE.name}.")
    values = known[name]
    grids = getattr(values, view_plan)
    if len(grids) != 2:
        raise UserError(FILE, f"normal and abnormal in {name}.{view_plan}", ", ".join(grids), f"Correct {FILE.name}.")
    train = {0: Grid(*grids["normal"]), 1: Grid(*grids["abnormal"])}
    _require_same_angles(f"{FILE.name}, {name}.{view_plan}", train[0], train[1])
    counts = ("validation_views", "test_views", "crops", "batch_size", "epochs", "least_iterations")
    return Profile(
        name=name,
        train=train,
        test=Grid(*values.test),
        adapt_epochs=values.adapting.get("epochs", 0),
        adapt_batch=values.adapting.get("batch_size", 0),
        balance=view_plan == "balanced" and values.balance,
        jitter=Jitter(values.stain_jitter, values.scale_jitter),
        **{count: getattr(values, count) for count in counts},
    )


def _require_same_angles(where: str, normal: Grid, abnormal: Grid) -> None:
    """Refuse grids that differ modulo 90 degrees: a view's resampling shows its angle, and the net would learn that."""
    # n rotations lie, modulo 90 degrees, at the multiples of 360 / lcm(n, 4) degrees, each as often
    steps = [math.lcm(grid.rotations, 4) // 4 for grid in (normal, abnormal)]
    if steps[0] != steps[1]:
        expected = "rotations of both classes at the same angles modulo 90 degrees, or the net learns the angle"
        found = (
            f"{normal.rotations} of normal cells ({steps[0]} angles) and {abnormal.rotations} of abnormal ({steps[1]})"
        )
        do = "Choose numbers with the same least common multiple with 4, such as 20 and 10, or 3 and 3."
        raise UserError(where, expected, found, do)


def batch_and_epochs(profile: Profile, classes: int, adapting: bool = False) -> tuple[int, int]:
    """Images of a training iteration, and epochs: the profile's, else those of the hand-written prototxt."""
    files = read_training(training_prototxt(classes, adapting), written_outputs(classes, adapting))
    batch = (profile.adapt_batch if adapting else profile.batch_size) or files.batch
    return batch * files.solver.iter_size, epochs_of(profile, files.solver, adapting)


def epochs_of(profile: Profile, solver: Message, adapting: bool = False) -> int:
    """Epochs of a training by a hand-written solver, which tests once an epoch."""
    return (profile.adapt_epochs if adapting else profile.epochs) or solver.max_iter // solver.test_interval


def run_profile(run: RunRecord) -> Profile:
    """The profile of a run, with the training views that its data set gets."""
    return fit_views(_written(run), run)


def _written(run: RunRecord) -> Profile:
    """The profile of a run as it is written; cells that are neither normal nor abnormal get as many as normal ones."""
    written = read_profile(run.profile, run.dataset.view_plan)
    labels = range(len(run.dataset.labels))
    return replace(written, train={label: written.train.get(label, written.train[0]) for label in labels})


def fit_views(written: Profile, run: RunRecord) -> Profile:
    """The profile with the training views that a set of so many cells of each label gets.

    As written if that is even and long enough, and for sets of the paper's own plan (Herlev).
    """
    if run.dataset.view_plan != "balanced" or not all(run.dataset.labels):
        return written
    least_views, sets = 0, _sets(run)
    if written.least_iterations:
        batch, epochs = batch_and_epochs(written, run.classes)
        # the fewest views that fill so many iterations: the last batch of an epoch may be short
        least_views = (math.ceil(written.least_iterations / epochs) - 1) * batch + 1
    # the sets grow in step, so that none outweighs the others
    together = zip(*(_fitted(written, one.labels) for one in sets), strict=False)
    grids = next(grids for grids in together if sum(map(_views, grids, sets, repeat(run))) >= least_views)
    if not run.dataset.sets:
        return replace(written, train=grids[0])
    return replace(written, train_of_sets={one.name: train for one, train in zip(sets, grids, strict=True)})


def iterations(profile: Profile, run: RunRecord) -> int:
    """Iterations of a fold's training, of a set dealt evenly to its folds."""
    batch, epochs = batch_and_epochs(profile, run.classes)
    return math.ceil(_all_views(profile, run) / batch) * epochs


def _all_views(profile: Profile, run: RunRecord) -> int:
    """Training views of a fold, of all sets."""
    return sum(_views(profile.train_of_sets.get(one.name, profile.train), one, run) for one in _sets(run))


def _sets(run: RunRecord) -> Sequence[DatasetRecord | SetRecord]:
    """The sets that a run's cells come from, or its only one."""
    return run.dataset.sets or (run.dataset,)


def _views(train: Grids, one: DatasetRecord | SetRecord, run: RunRecord) -> int:
    """Training views of a fold, of a set dealt evenly to its folds."""
    cells = list(one.labels)
    for _ in range(2 if run.select == "inner" else 1):  # `inner` takes another fifth, out of the training cells
        cells = [number - math.ceil(number / FOLDS) for number in cells]
    return sum(number * train[label].views for label, number in enumerate(cells))


def _fitted(written: Profile, cells: Sequence[int]) -> Iterator[Grids]:
    """Ever more translations for a set of so many cells of each label."""
    there = {label: grid for label, grid in written.train.items() if label < len(cells) and cells[label]}
    for grids in _even(there, cells) if written.balance and len(there) > 1 else _multiples(there):
        yield written.train | grids


def _multiples(written: Grids) -> Iterator[Grids]:
    """Ever more translations of all cells, in the proportion that is written."""
    for times in count(1):
        yield {label: Grid(grid.rotations, grid.translations * times) for label, grid in written.items()}


def _even(written: Grids, cells: Sequence[int]) -> Iterator[Grids]:
    """Ever more translations with which all labels come out with as many views; fewest first.

    Only labels are balanced, as in the paper: within one each cell has as many views, whatever its class.
    """
    # a set that is even already keeps the views that are written, to the byte
    if _uneven(written, cells) <= EVEN:
        yield written
    more = max(written, key=lambda label: cells[label] * written[label].views)
    for translations in count(written[more].translations):
        views, grids = cells[more] * written[more].rotations * translations, {}
        for label, (rotations, least) in written.items():
            wanted = views / (cells[label] * rotations)
            grids[label] = Grid(rotations, translations if label == more else max(least, round(wanted)))
        if _uneven(grids, cells) <= EVEN:
            yield grids


def _uneven(grids: Grids, cells: Sequence[int]) -> float:
    views = [cells[label] * grid.views for label, grid in grids.items()]
    return max(views) / min(views)


def view_changes(run: RunRecord) -> list[str]:
    """Lines for the user: how the training views of a run differ from its profile as written, and why."""
    written, fitted = _written(run), run_profile(run)
    lines, uneven = [], False
    for one in _sets(run):
        train, title = fitted.train_of_sets.get(one.name, fitted.train), f"{one.name}: " if run.dataset.sets else ""
        there = {label: grid for label, grid in written.train.items() if label < len(one.labels) and one.labels[label]}
        if len(there) < 2:
            lines.append(f"!! {title}cells of one label alone: the net can tell the label by the colour of this set !!")
        uneven |= written.balance and len(there) > 1 and _uneven(there, one.labels) > EVEN
        classes = [_views_text(one.labels[label], label, train[label], grid) for label, grid in there.items()]
        if train != written.train:
            lines.append(f"{title}training views: {'; '.join(classes)}")
    if fitted == written:
        return lines
    if uneven:
        lines.append(f"  all labels get about as many views; balance = false in {FILE.name} keeps those written")
    if iterations(written, run) < written.least_iterations:
        views, few = (_all_views(profile, run) for profile in (fitted, written))
        lines.append(
            f"  a small set: {views:,} training views in a fold of even size instead of {few:,}, so that profile "
            f"{written.name} has at least {written.least_iterations} iterations from CaffeNet; adapting takes fewer"
        )
    return lines


def _views_text(cells: int, label: int, grid: Grid, written: Grid) -> str:
    counts = f"{grid.rotations} rotations x {grid.translations} translations; written: {written.translations}"
    return f"{cells} {LABELS[label]} cells x {grid.views} ({counts})"
