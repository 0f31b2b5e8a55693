"""A source net's scores of a run's own test cells, views and all, as a run of its own: what adapting starts from."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from data_prep.cells import Dataset
from data_prep.dataset import reopened
from data_prep.fold_images import require_unseen
from data_prep.fold_parts import fold_cells
from data_prep.folds import read_split
from data_prep.prepare import run_profile
from data_prep.profiles import Profile
from deeppap.engines.device import Device
from deeppap.io.files import read_json
from deeppap.records.run_folder import RunConfig, fold_folder, read_config
from deeppap.scoring.cell_views import ViewChoice, cells_of_data_set
from deeppap.scoring.results import external_nets
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.external_run import Validated, write_external_run
from deeppap.training.source_net import SourceNet


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
    config, split = read_config(run), read_split(run / "split.json")
    profile = run_profile(config)
    for fold in folds:
        require_unseen(fold_folder(run, fold), set(source.seen), source.fold)
    dataset = reopened(config)
    cells = [cell for fold in folds for cell in fold_cells(dataset, split, fold, config)[2]]
    tested = replace(dataset, cells=tuple(cells))
    if _is_done(folder, source, tested, config, profile, device):
        return folder
    model = TrainedModel.open(source.fold, source.weights, say=say)
    choice = ViewChoice(profile.test, profile.test_views, config.seed)
    say(f"{source.weights} as it is: {len(cells)} cells x {choice.count} views x {profile.crops} crops")
    ready = model.engine(device).view_input(model.mean, profile.crops)
    jobs = score_cells(ready, cells_of_data_set(tested.cells, choice))
    bar = tqdm(jobs, total=len(cells), desc="score", unit="cell", disable=None)
    scores = sorted(bar, key=lambda score: score.cell.id)
    factor = 1.0 if None not in (sizes := (config.pixel_um, model.config.pixel_um)) and sizes[0] == sizes[1] else None
    how = {"factor": factor, "mpp": None, "views": choice.count, "crops": profile.crops, "device": device}
    found = Validated(tested, Path(config.data), config.fingerprint, [model], scores, **how)
    return write_external_run(found, folder.parent, folder.name)


def _is_done(
    folder: Path, source: SourceNet, dataset: Dataset, config: RunConfig, profile: Profile, device: Device
) -> bool:
    """Whether a folder holds these very scores: this net's, of these cells of this set, made in this way."""
    if not (folder / "run.json").exists():
        return False
    record, split = (read_json(folder / name, "tools/adapt_study.py") for name in ("run.json", "split.json"))
    done = read_json(folder / "fold0/evaluation.json", "tools/adapt_study.py")
    same = external_nets(record) == [source.origin["sha256"]]
    same &= split.get("folds") == [[cell.id for cell in dataset.cells]]
    same &= split.get("dataset_fingerprint") == config.fingerprint
    wanted = (profile.test_views, profile.crops, device.engine, device.precision)
    return same and tuple(done.get(key) for key in ("views", "crops", "engine", "precision")) == wanted
