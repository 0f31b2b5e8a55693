"""An external validation as a run folder of one fold, so that every table and figure of the report fits it."""

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from data_prep.cells import Dataset
from data_prep.prepare import dataset_record, write_cells
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, digest, sha256_file
from deeppap.records import ExternalRecord, NetRecord, RunRecord, ScoreRecord, SplitRecord
from deeppap.records.provenance import machine
from deeppap.records.run_folder import new_run
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.score_way import own_way, precision_of
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.unlike import write_unlike
from deeppap.scoring.write_scores import write_scores, write_view_scores
from deeppap.stats.learned import auc_doubt, auc_limits

EXTERNAL = "external"  # in place of a protocol: nothing was held out


@dataclass(frozen=True)
class Validated:
    """A set, the nets that scored it, and how.

    `dataset_sha` is the set's as its reader gives it, by which the report finds its pictures again; `factor` by how
    much its images were enlarged, None as they are.
    """

    dataset: Dataset
    path: Path
    dataset_sha: str
    models: list[TrainedModel]
    scores: list[CellScore]
    factor: float | None
    mpp: float | None
    views: int
    crops: int
    device: Device


def write_external_run(found: Validated, runs: Path, name: str | None) -> Path:
    """Write the run's folder, all of it or nothing; an older validation of that name is replaced."""
    folder = free_folder(found, runs, name)
    ids = [cell.id for cell in found.dataset.cells]
    with complete_or_absent(folder) as partial:
        fold = partial / "fold0"
        fold.mkdir(parents=True)
        _record(found).write(partial)
        SplitRecord.of(EXTERNAL, found.models[0].run.seed, found.dataset_sha, [ids]).write(partial)
        write_cells(partial / "cells.csv", found.dataset)
        write_view_scores(fold / "view_scores.csv", found.scores)
        if found.scores[0].unlike is not None:
            write_unlike(fold / "unlike.csv", found.scores)
        path = fold / scores_name()
        write_scores(path, found.scores)
        score_record(found, path).write_beside(path)
    return folder


def free_folder(found: Validated, runs: Path, name: str | None) -> Path:
    """Where a validation goes: a new folder, or that of an older one of the same set; to be asked before the scoring.

    Raises
    ------
    UserError
        Where the folder holds anything else.
    """
    folder = runs / (name or default_name(found))
    if folder.exists():
        old = RunRecord.read(folder)
        if old.protocol != EXTERNAL:
            raise UserError(folder, "a new folder or an older validation", "another run", "Give another `run`.")
        do = "Give another `run`, or remove that folder."
        if old.dataset.dataset_sha != found.dataset_sha:
            raise UserError(folder, "a new folder or an older validation of this set", "another set's", do)
        if old.net_shas != [model.weights_sha for model in found.models]:
            raise UserError(folder, "a new folder or an older validation of these nets", "other nets'", do)
    return folder


def default_name(found: Validated) -> str:
    """The set's name, the run and folds whose nets scored it, and what is not the run's own way of scoring."""
    folds = "-".join(model.folder.resolve().name for model in found.models)
    name = f"{found.dataset.name}-external-{found.models[0].folder.resolve().parent.name}-{folds}"[:180]
    way = own_way(found.models[0], found.views, found.crops, found.device)
    return name + way + (f"-mpp{found.mpp:g}" if found.mpp else "")


def score_record(found: Validated, path: Path) -> ScoreRecord:
    """The record of the scores; of several nets `weights_sha` and `fold_sha` are digests over all of them."""
    weights = [model.weights_sha for model in found.models]
    folds = [model.record.fold_sha for model in found.models]
    one = len(found.models) == 1
    labels, groups = [score.cell.label for score in found.scores], [score.cell.group for score in found.scores]
    limits = auc_limits(labels, [score.score for score in found.scores], None if None in groups else groups)
    return ScoreRecord(
        cells=len(found.scores),
        views=found.views,
        crops=found.crops,
        shift=0,
        engine=found.device.engine,
        precision=precision_of(found.device),
        device=found.device.scores_on,
        machine=machine(),
        weights=str(found.models[0].weights) if one else None,
        weights_sha=weights[0] if one else digest(weights),
        fold_sha=folds[0] if one else digest(folds),
        csv_sha=sha256_file(path),
        doubt=auc_doubt(limits),  # the loss on other cells says nothing of what the net learned
    )


def _record(found: Validated) -> RunRecord:
    first, path = found.models[0], found.path.absolute()
    data = replace(dataset_record(found.dataset, path, found.dataset_sha), paper=None)  # the paper scored other cells
    data = replace(data, pixel_um=found.mpp or data.pixel_um)
    run = new_run(first.run, data)
    return replace(run, protocol=EXTERNAL, external=external_facts(found))


def external_facts(found: Validated) -> ExternalRecord:
    """Which nets were asked, what they and the net they were adapted from had been trained on, and how it was done."""
    first, marks = found.models[0], [score.unlike_training for score in found.scores]
    nets = [
        NetRecord(folder=str(model.folder), weights_sha=model.weights_sha, fold_sha=model.record.fold_sha)
        for model in found.models
    ]
    return ExternalRecord(
        trained_on=first.run.dataset.name,
        source=first.origin.source if first.origin else None,
        nets=nets,
        enlarged=found.factor,
        training_um=first.run.dataset.pixel_um,
        out_of_distribution=None if None in marks else sum(marks),
    )
