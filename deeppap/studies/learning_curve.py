"""How many cells are needed: nets trained on larger and larger parts of the training cells, tested on one fold."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from data_prep.cells import Cell, Dataset, counts
from data_prep.folds import FOLDS, nested_subsets, train_test_cells, with_left_out
from data_prep.prepare import freeze, prepare_run
from data_prep.profiles import run_profile
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.records import Request, RunRecord, SplitRecord
from deeppap.records.run_folder import fold_folder, locked, open_run
from deeppap.report.learning_curve import POINT
from deeppap.studies.cross_validate import CrossValidateOptions, one_fold, require_one_recipe, to_score
from deeppap.studies.estimate import Prepared, estimate, source_work, work
from deeppap.studies.external import score_source
from deeppap.training.source import SourceNet, fitted_to, require_same_outputs

BEFORE = "source-as-it-is"  # folder of the source net's own scores, beside the points'
ADAPTED, ALONE = "adapted", "alone"


@dataclass(frozen=True)
class CurveOptions:
    """What a user may choose.

    `source` is the net to adapt. The nets that are not adapted start from `weights`, or from Gaussian values if it is
    None. `shares` are percents of the groups, ascending; each size is drawn and trained `seeds` times.
    """

    weights: Path | None
    source: SourceNet
    fold: int = 0
    shares: Sequence[int] = (12, 25, 50, 100)
    seeds: int = 3
    device: Device = Device()
    workers: int = 1
    name: str | None = None

    def __post_init__(self):
        ascending = list(self.shares) == sorted(set(self.shares))
        if not self.shares or not ascending or not 0 < self.shares[0] <= self.shares[-1] <= 100:
            found = ",".join(map(str, self.shares)) or "none"
            raise FieldError("shares", "percents from 1 to 100", found, "Give them ascending, such as 12,25,50,100.")
        if self.seeds < 1:
            raise FieldError("seeds", "1 or more", str(self.seeds), "Give a whole number.")

    def training(self, start: str) -> CrossValidateOptions:
        """The options of a point's fold."""
        if start == ADAPTED:
            return CrossValidateOptions(device=self.device, workers=self.workers, source=self.source)
        return CrossValidateOptions(device=self.device, workers=self.workers, weights=self.weights)


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
        normal, abnormal = counts(train_test_cells(self.ready.dataset, self.ready.split, fold)[0])[:2]
        return f"seed {self.seed}, {self.share} % ({normal} normal, {abnormal} abnormal cells), {self.start}"


def learning_curve(request: Request, options: CurveOptions, say: Callable[[str], None] = print) -> Path:
    """Do the points that are missing and return the run folder that holds all of them; a second call goes on.

    UserError as a cross-validation does, and if a part of the training cells would lack a label, or if a point that
    exists was trained with something else.
    """
    # the test fold must not choose the snapshot, and a small part has no cells to hold back
    request = fitted_to(options.source, replace(request, select="last"))
    home, points = plan_curve(request, options)
    with locked(home):
        _require_one_curve(home, options)
        # before the first net is trained, which takes hours
        for point in points:
            _require_part(point)
        # a point is done when its scores are there
        missing = [point for point in points if to_score(fold_folder(point.folder, options.fold))]
        if missing:
            say(f"{len(points)} nets, {len(points) - len(missing)} of them done; test fold {options.fold}")
            parts = [
                work(point.ready, options.fold, point.start == ADAPTED, fold_folder(point.folder, options.fold))
                for point in missing
            ]
            parts += [] if (home / BEFORE).exists() else [source_work(points[0].ready, options.fold)]
            say(estimate(f"{len(missing)} net(s)", parts, points[0].ready.run.classes, options.device))
        for number, point in enumerate(missing, 1):
            say(f"-- {number} of {len(missing)}: {point.describe(options.fold)}")
            with locked(point.folder, wait=True):
                open_run(point.ready.run, point.folder)
                freeze(point.folder, point.ready.dataset, point.ready.split)
            folder = fold_folder(point.folder, options.fold)
            one_fold(folder, point.ready, options.fold, options.training(point.start), say)
        # the source by itself is the curve's beginning: no cell of the laboratory's own
        score_source(points[0].folder, options.source, [options.fold], options.device, home / BEFORE, say)
    return home


def plan_curve(request: Request, options: CurveOptions) -> tuple[Path, list[Point]]:
    """The run folder of a curve, and its points, the quick ones first: smaller parts before larger ones."""
    suffix = f"-curve-from-{options.source.name}"
    # one split for all points: every net is tested on the same fold

    def require(wanted: RunRecord, *_: object) -> None:
        require_same_outputs(options.source, wanted)

    home, dataset, split, run = prepare_run(request, options.name, suffix=suffix, require=require)
    train = train_test_cells(dataset, split, options.fold)[0]
    points = []
    for seed in range(1, options.seeds + 1):
        parts = nested_subsets(train, options.shares, seed)
        for share, cells in zip(options.shares, parts, strict=True):
            ready = _part_of(dataset, split, replace(run, seed=seed), train, cells)
            points += [Point(seed, share, start, home, ready) for start in (ADAPTED, ALONE)]
    return home, sorted(points, key=lambda point: (point.share, point.seed))


def _part_of(
    dataset: Dataset, split: SplitRecord, run: RunRecord, train: Sequence[Cell], cells: Sequence[Cell]
) -> Prepared:
    """The run of a part of a fold's training cells: its split, and its numbers of views.

    A small part gets as many views per cell as a small data set does. Four fifths of such a set are training cells.
    """
    part = with_left_out(split, {cell.id for cell in train} - {cell.id for cell in cells})
    sets = [replace(one, labels=_labels([c for c in cells if c.set_name == one.name])) for one in run.dataset.sets]
    own = replace(run, dataset=replace(run.dataset, labels=_labels(cells), sets=tuple(sets)))
    return Prepared(dataset, part, own, run_profile(own))


def _labels(cells: Sequence[Cell]) -> tuple[int, ...]:
    return tuple(math.ceil(count * FOLDS / (FOLDS - 1)) for count in counts(cells))


def _require_part(point: Point) -> None:
    """Refuse a point that exists and holds another part of the cells than the one that is asked for."""
    known = SplitRecord.read_if_there(point.folder)
    if known and known.split_sha != point.ready.split.split_sha:
        do = "Give another `run`, or the `shares` that it was made with: the smallest decides which groups come first."
        raise UserError(point.folder / SplitRecord.FILE, "the part of the cells that is asked for", "another", do)


def _require_one_curve(home: Path, options: CurveOptions) -> None:
    """Refuse points of other weights or another test fold, asked for now or not: the curve averages all there are."""
    for folder in sorted(home.iterdir()):
        named = POINT.fullmatch(folder.name)
        if not named or not (folder / RunRecord.FILE).exists():
            continue
        run = RunRecord.read(folder)
        training = options.training(named[3]).training
        require_one_recipe(folder, training.recipe(run.classes, run_profile(run)))
        others = [fold.name for fold in folder.glob("fold*") if fold.name != f"fold{options.fold}"]
        if others:
            raise UserError(folder, f"fold {options.fold} held out", others[0], "Give another `run` for that fold.")
