"""How many cells it takes: nets trained on ever larger parts of the training cells, judged by one fixed fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from data_prep.folds import train_test_cells
from data_prep.prepare import prepare_run, run_profile
from data_prep.subsets import nested_subsets
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.records import Request, RunRecord
from deeppap.records.run_folder import fold_folder, locked
from deeppap.stats.learning_curve import POINT
from deeppap.studies.cross_validate import CrossValidateOptions, one_fold, require_one_recipe, to_score
from deeppap.studies.curve_point import ADAPTED, ALONE, Point, part_of, prepare_point, require_part
from deeppap.studies.estimate import in_words, work
from deeppap.studies.source_as_it_is import score_source
from deeppap.training.source import SourceNet

SHARES, SEEDS = (12, 25, 50, 100), 3
BEFORE = "source-as-it-is"  # the folder of the source net's own scores, beside the points'


@dataclass(frozen=True)
class CurveOptions:
    """What a user may choose; `weights` None starts the nets without a source from Gaussian values."""

    weights: Path | None
    source: SourceNet
    fold: int = 0
    shares: Sequence[int] = SHARES
    seeds: int = SEEDS
    device: Device = Device()
    workers: int = 1
    name: str | None = None

    def __post_init__(self):
        if not self.shares or list(self.shares) != sorted(set(self.shares)) or not 0 < self.shares[0] <= 100:
            do = "Give them ascending, such as 12,25,50,100."
            raise FieldError("shares", "percents from 1 to 100", ",".join(map(str, self.shares)) or "none", do)
        if self.shares[-1] > 100 or self.seeds < 1:
            do = "Give whole numbers such as 12,25,50,100 and 3."
            raise FieldError("shares, __seeds", "at most 100 %, at least one seed", f"{self.shares[-1]} %", do)

    def training(self, start: str) -> CrossValidateOptions:
        """The options of a point's fold."""
        of = {"source": self.source} if start == ADAPTED else {"weights": self.weights}
        return CrossValidateOptions(device=self.device, workers=self.workers, **of)


def learning_curve(request: Request, options: CurveOptions, say: Callable[[str], None] = print) -> Path:
    """Do the points that are missing and return the run folder that holds them; a second call goes on.

    Raises
    ------
    UserError
        As a cross-validation does, and where a part of the training cells would lack a label, or a point that is there
        was trained with something else.
    """
    request = replace(request, select="last")  # the test fold must not choose; a small part has no cells to spare
    home, points = plan_curve(request, options)
    with locked(home):
        _require_one_curve(home, options)
        for point in points:
            require_part(point)
        missing = [point for point in points if to_score(fold_folder(point.folder, options.fold))]
        if missing:
            say(f"{len(points)} nets, {len(points) - len(missing)} of them done; test fold {options.fold}")
            say(in_words(f"{len(missing)} net(s)", [_work(one, options) for one in missing], 2, options.device))
        for number, point in enumerate(missing, 1):
            say(f"-- {number} of {len(missing)}: {point.describe(options.fold)}")
            prepare_point(point)
            folder = fold_folder(point.folder, options.fold)
            one_fold(folder, point.ready, options.fold, options.training(point.start), say)
        score_source(points[0].folder, options.source, [options.fold], options.device, home / BEFORE, say)
    return home


def _require_one_curve(home: Path, options: CurveOptions) -> None:
    """Refuse points, asked for now or not, of other weights or another test fold: the curve averages all there are."""
    for folder in sorted(home.iterdir()):
        if not (named := POINT.fullmatch(folder.name)) or not (folder / "run.json").exists():
            continue
        run = RunRecord.read(folder)
        require_one_recipe(folder, options.training(named[3]).training.recipe(run.classes, run_profile(run)))
        if others := [fold.name for fold in folder.glob("fold*") if fold.name != f"fold{options.fold}"]:
            raise UserError(folder, f"fold {options.fold} held out", others[0], "Give another `run` for that fold.")


def plan_curve(request: Request, options: CurveOptions) -> tuple[Path, list[Point]]:
    """The run folder of a curve, and its points, the quick ones first: smaller parts before larger ones."""
    suffix = f"-curve-from-{options.source.name}"
    home, dataset, split, run = prepare_run(request, options.name, suffix=suffix)
    train = train_test_cells(dataset, split, options.fold)[0]
    points = []
    for seed in range(1, options.seeds + 1):
        parts = nested_subsets(train, options.shares, seed)
        for share, cells in zip(options.shares, parts, strict=True):
            ready = part_of(dataset, split, replace(run, seed=seed), train, cells)
            points += [Point(seed, share, start, home, ready) for start in (ADAPTED, ALONE)]
    return home, sorted(points, key=lambda point: (point.share, point.seed))


def percents(text: str) -> list[int]:
    """The shares in "12,25,50,100" as numbers."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise FieldError("shares", "numbers such as 12,25", text, "Give them without spaces.") from None


def _work(point: Point, options: CurveOptions) -> dict[str, int]:
    ready = point.ready
    return work(ready.dataset, ready.split, options.fold, ready.run, ready.profile, point.start == ADAPTED)
