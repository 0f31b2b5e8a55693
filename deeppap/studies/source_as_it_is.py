"""A source net's scores of a run's own test cells, views and all, as a run of its own: what adapting starts from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from data_prep.cells import Dataset
from data_prep.dataset import reopened
from data_prep.fold_images import require_unseen
from data_prep.fold_parts import fold_cells
from data_prep.prepare import run_profile
from data_prep.profiles import Profile
from deeppap.engines.device import Device
from deeppap.records import RunRecord, ScoreRecord, SplitRecord
from deeppap.records.run_folder import fold_folder
from deeppap.scoring.cell_views import ViewChoice, cells_of_data_set
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.score_way import precision_of
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.external_run import Validated, write_external_run
from deeppap.training.source import SourceNet


def score_source(
    run: Path, source: SourceNet, folds: Sequence[int], device: Device, folder: Path, say: Callable[[str], None] = print
) -> Path:
    """Score the test cells of a run's folds with its source net and return `folder`, the run that holds them.

    What is there is kept.

    Raises
    ------
    UserError
        Where the source has learned from an image of these cells, or the run's data set is not at hand.
    """
    record, split = RunRecord.read(run), SplitRecord.read(run)
    profile = run_profile(record)
    for fold in folds:
        require_unseen(fold_folder(run, fold), set(source.seen), source.fold)
    dataset = reopened(record)
    cells = [cell for fold in folds for cell in fold_cells(dataset, split, fold, record)[2]]
    tested = replace(dataset, cells=tuple(cells))
    if _is_done(folder, source, tested, record, profile, device):
        return folder
    model = TrainedModel.open(source.fold, source.weights, say=say)
    choice = ViewChoice(profile.test, profile.test_views, record.seed)
    say(f"{source.weights} as it is: {len(cells)} cells x {choice.count} views x {profile.crops} crops")
    ready = model.engine(device).view_input(model.mean, profile.crops)
    jobs = score_cells(ready, cells_of_data_set(tested.cells, choice))
    bar = tqdm(jobs, total=len(cells), desc="score", unit="cell", disable=None)
    scores = sorted(bar, key=lambda score: score.cell.id)
    pixel_um, trained_um = record.dataset.pixel_um, model.run.dataset.pixel_um
    factor = 1.0 if pixel_um is not None and pixel_um == trained_um else None
    how = {"factor": factor, "mpp": None, "views": choice.count, "crops": profile.crops, "device": device}
    found = Validated(tested, Path(record.dataset.path), record.dataset.dataset_sha, [model], scores, **how)
    return write_external_run(found, folder.parent, folder.name)


def _is_done(
    folder: Path, source: SourceNet, dataset: Dataset, run: RunRecord, profile: Profile, device: Device
) -> bool:
    """Whether a folder holds these very scores: this net's, of these cells of this set, made in this way."""
    done = RunRecord.read_if_there(folder)
    if done is None:
        return False
    split, made = SplitRecord.read(folder), ScoreRecord.beside(fold_folder(folder, 0) / scores_name())
    same = done.net_shas == [source.origin.weights_sha]
    same &= split.folds == [[cell.id for cell in dataset.cells]]
    same &= split.dataset_sha == run.dataset.dataset_sha
    wanted = (profile.test_views, profile.crops, device.engine, precision_of(device))
    return same and (made.views, made.crops, made.engine, made.precision) == wanted
