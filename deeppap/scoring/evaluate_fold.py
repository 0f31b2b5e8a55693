"""Scoring one fold's test cells with its trained model."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from data_prep.cells import Cell
from data_prep.dataset import reopened
from data_prep.fold_data import parts_of
from data_prep.views import PATCH
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.records import ScoreRecord
from deeppap.records.provenance import machine
from deeppap.records.run_folder import locked
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.learn_known_cells import ensure_known_cells
from deeppap.scoring.net_arrays import write_net_arrays
from deeppap.scoring.refusal import Refusal
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.score_way import own_way, precision_of
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.unlike import say_share, write_unlike
from deeppap.scoring.write_scores import write_scores, write_view_scores
from deeppap.scoring.write_why import write_why
from deeppap.stats.evidence_of_learning import doubt

MAX_CENTRE_SHIFT = PATCH // 2  # pixels; farther out the nucleus would no longer be in its patch


@dataclass(frozen=True)
class EvaluateOptions:
    """What a user may choose; None takes the profile's count."""

    views: int | None = None
    crops: int | None = None
    shift: int = 0
    batch: int | None = None
    force: bool = False

    def __post_init__(self):
        if not 0 <= self.shift <= MAX_CENTRE_SHIFT:
            do = "Give the most that a centre may move."
            raise UserError("--shift", f"0 to {MAX_CENTRE_SHIFT} pixels", str(self.shift), do)


def evaluate_fold(
    model: TrainedModel, device: Device, options: EvaluateOptions, say: Callable[[str], None] = print
) -> list[CellScore]:
    """Score a fold's test cells and write scores.csv (or scores_shift<d>.csv), views and timings.

    What is not the run's own way (its counts, its selected net, Caffe) is written under a name that says so, such as
    scores-views1-crops10.csv. Beside each file of scores lies its record of how it was made, scores.json.

    Returns
    -------
    list of CellScore
        In the order of the cells' ids.

    Raises
    ------
    UserError
        For a count out of range, or a data set that is not the one the run was built from.
    """
    folder, refuse = model.folder, Refusal(options.force, say)
    with locked(folder):
        choice, crops = model.views(options.views), model.crops(options.crops)
        train, inner, cells = cells_of_fold(model, refuse)
        engine = model.engine(device, options.batch)
        known = None if options.shift else ensure_known_cells(model, engine, train, inner, say)
        say(f"{folder}: {len(cells)} cells x {choice.count} views x {crops} crops with {model.weights}")
        ready = engine.view_input(model.mean, crops)
        jobs = score_cells(ready, cells_of_data_set(cells, choice, options.shift), known)
        start = time.perf_counter()
        bar = tqdm(jobs, total=len(cells), desc="score", unit="cell", disable=None)
        scores = sorted(bar, key=lambda score: score.cell.id)
        seconds = time.perf_counter() - start
        way = own_way(model, choice.count, crops, device, refuse.overridden)
        if not options.shift:  # at shifted centres nothing but the scores is kept
            write_view_scores(folder / f"view_scores{way}.csv", scores)
            if scores[0].unlike is not None:
                write_unlike(folder / f"unlike{way}.csv", scores)
            if not way:
                write_net_arrays(model, device, scores[0].cell)
                write_why(model, engine, scores)
        path = folder / scores_name(options.shift, way)
        write_scores(path, scores)
        ScoreRecord(
            doubt=_doubt(model, scores),
            cells=len(cells),
            views=choice.count,
            crops=crops,
            shift=options.shift,
            engine=engine.name,
            precision=precision_of(device),
            device=engine.hardware,
            caffe=device.describe(),
            machine=machine(),
            seconds_per_cell=seconds / len(cells),
            crops_per_second=len(cells) * choice.count * crops / seconds,
            weights=str(model.weights),
            weights_sha=model.weights_sha,
            fold_sha=model.record.fold_sha,
            csv_sha=sha256_file(path),
        ).write_beside(path)
        say(f"{path} written")
        say_share([s.unlike_training for s in scores], say)
        return scores


def held_out_cells(model: TrainedModel, refuse: Refusal) -> list[Cell]:
    """The cells that the fold holds out, from the data set that its run was built from."""
    return cells_of_fold(model, refuse)[2]


def cells_of_fold(model: TrainedModel, refuse: Refusal) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """Training cells, those held back from training to choose the snapshot by, if any, and test cells."""
    dataset = reopened(model.run)
    if dataset.dataset_sha() != model.split.dataset_sha:
        refuse(model.run.dataset.path, "the data set this run was built from", "another, or a changed one")
    parts = parts_of(dataset, model.split, model.record.fold, model.run)
    return parts["train"], parts["inner"], parts["test"]


def _doubt(model: TrainedModel, scores: list[CellScore]) -> str | None:
    """What the scores of a fold's test cells say against its net."""
    cells = [score.cell for score in scores]
    labels, groups = [cell.label for cell in cells], [cell.group for cell in cells]
    return doubt(
        labels,
        [score.score for score in scores],
        [cell.class7 for cell in cells] if model.classes == 7 else labels,
        np.array([score.prob for score in scores]),
        model.record.train_labels,
        None if None in groups else groups,
    )
