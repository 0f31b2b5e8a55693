"""An external validation as a run folder of one fold, so that every table and figure of the report fits it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.cells import Dataset
from data_prep.prepare import write_cells
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, digest, read_json, write_json
from deeppap.records.provenance import command_line, environment, machine
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.results import external_nets
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.score_origin import write_record
from deeppap.scoring.score_way import how_scored, own_way
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.unlike import write_unlike
from deeppap.scoring.write_scores import write_scores, write_view_scores
from deeppap.stats.adapting import source_in

PROTOCOL = "external"


@dataclass(frozen=True)
class Validated:
    """A set, the nets that scored it, and how.

    `fingerprint` is the set's as its reader gives it, by which the report finds its pictures again; `factor` by how
    much its images were enlarged, None as they are.
    """

    dataset: Dataset
    path: Path
    fingerprint: str
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
    split = {"protocol": PROTOCOL, "seed": found.models[0].config.seed, "folds": [ids], "fingerprint": digest(ids)}
    with complete_or_absent(folder) as partial:
        fold = partial / "fold0"
        fold.mkdir(parents=True)
        write_json(partial / "run.json", _record(found))
        write_json(partial / "split.json", split | {"dataset_fingerprint": found.fingerprint})
        write_cells(partial / "cells.csv", found.dataset)
        write_view_scores(fold / "view_scores.csv", found.scores)
        write_json(fold / "evaluation.json", _evaluation(found))
        if found.scores[0].unlike is not None:
            write_unlike(fold / "unlike.csv", found.scores)
        write_scores(fold / scores_name(), found.scores)
        write_record(fold / scores_name(), how_validated(found))
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
        old = read_json(folder / "run.json", "tools/validate.py")
        if old.get("protocol") != PROTOCOL:
            raise UserError(folder, "a new folder or an older validation", "another run", "Give another --run.")
        do = "Give another --run, or remove that folder."
        if old.get("dataset", {}).get("fingerprint") != found.fingerprint:
            raise UserError(folder, "a new folder or an older validation of this set", "another set's", do)
        if external_nets(old) != [model.sha256 for model in found.models]:
            raise UserError(folder, "a new folder or an older validation of these nets", "other nets'", do)
    return folder


def default_name(found: Validated) -> str:
    """The set's name, the run and folds whose nets scored it, and what is not the run's own way of scoring."""
    folds = "-".join(model.folder.resolve().name for model in found.models)
    name = f"{found.dataset.name}-external-{found.models[0].folder.resolve().parent.name}-{folds}"[:180]
    way = own_way(found.models[0], how_validated(found), forced=False)
    return name + way + (f"-mpp{found.mpp:g}" if found.mpp else "")


def how_validated(found: Validated) -> dict[str, Any]:
    """The record of the scores, as evaluate's; `nets` has each net's weights and data, and of several nets
    `model_sha256` and `data` are digests over all of them.
    """
    counts = {"views": found.views, "crops": found.crops}
    each = [how_scored(model, counts, 0, found.device) for model in found.models]
    nets = [{name: how[name] for name in ("model_sha256", "data")} for how in each]
    one = nets[0] if len(nets) == 1 else {name: digest([net[name] for net in nets]) for name in nets[0]}
    return {**each[0], **one, "nets": nets, "enlarged": found.factor}


def _record(found: Validated) -> dict:
    dataset, first = found.dataset, found.models[0]
    facts = {"name": dataset.name, "path": str(found.path.absolute()), "fingerprint": found.fingerprint}
    facts |= {"cells": len(dataset.cells), "view_plan": dataset.view_plan, "paper": None, "phantom": dataset.phantom}
    facts["pixel_um"] = found.mpp or dataset.pixel_um
    names = ("profile", "seed", "classes", "select", "control")
    chosen = {name: first.run.get(name) for name in names}
    record = {"command": command_line(), "dataset": facts, **chosen, "protocol": PROTOCOL}
    return record | {"weights": first.run.get("weights"), "external": external_facts(found), **environment()}


def external_facts(found: Validated) -> dict[str, Any]:
    """Which nets were asked, what they and the net they were adapted from had been trained on, and how it was done."""
    first, marks = found.models[0], [score.unlike_training for score in found.scores]
    nets = [{"folder": str(model.folder), "sha256": model.sha256} for model in found.models]
    facts = {"trained_on": first.config.dataset, "source": source_in(first.origin), "nets": nets}
    facts |= {"enlarged": found.factor, "training_um": first.config.pixel_um}
    facts |= {"views": found.views, "crops": found.crops}
    return facts | {"unlike_training": None if None in marks else sum(marks)}


def _evaluation(found: Validated) -> dict:
    device = found.device
    facts = {"views": found.views, "crops": found.crops, "cells": len(found.scores), "engine": device.engine}
    facts |= {"precision": device.precision, "tf32": device.scores_in_tf32}
    facts |= {"device": device.scores_on, "machine": machine()}
    return facts | {"models": [model.sha256 for model in found.models]}
