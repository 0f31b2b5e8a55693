"""Whether another engine scores as Caffe does: a fold's test cells by both, and how far the scores lie apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import roc_auc_score

from deeppap.engines.available import ENGINES, require_engine
from deeppap.engines.device import Device
from deeppap.records import ScoreRecord
from deeppap.scoring.evaluate_fold import EvaluateOptions, evaluate_fold
from deeppap.scoring.score_files import Scores, read_scores, scores_name
from deeppap.scoring.score_way import own_way, precision_of
from deeppap.scoring.trained_model import TrainedModel

THRESHOLD = 0.5
FLOAT32_ALLOWS = 1e-5
BFLOAT16_AUC_ALLOWS = 1e-3


@dataclass(frozen=True)
class Agreement:
    """How far an engine's scores P(abnormal) of cells lie from Caffe's.

    `changed` cells are on the other side of 0.5; by Caffe's score the farthest of them lies `farthest` from it.
    """

    engine: str
    precision: str
    cells: int
    largest: float
    mean: float
    changed: int
    farthest: float
    auc_apart: float

    def __str__(self) -> str:
        changed = f"{self.changed} decisions changed" + (
            f", up to {self.farthest:.2g} from 0.5" if self.changed else ""
        )
        name = f"{self.engine} {self.precision}"
        numbers = f"largest {self.largest:.2e}, mean {self.mean:.2e}, AUC {self.auc_apart:+.2e}"
        return f"{name:24} {self.cells} cells: {numbers}; {changed}; {'holds' if self.holds else 'DOES NOT HOLD'}"

    @property
    def holds(self) -> bool:
        """Float32: within 1e-5 and the same decisions. Less precise: those beyond its largest error, and its AUC."""
        if self.precision == "float32":
            return self.largest <= FLOAT32_ALLOWS and self.changed == 0
        return self.farthest <= self.largest and abs(self.auc_apart) < BFLOAT16_AUC_ALLOWS


def agreement(
    engine: str, precision: str, reference: Sequence[float], scores: Sequence[float], labels: Sequence[int]
) -> Agreement:
    """Compare scores of the same cells; AUC stays 0 apart where the cells are of one class."""
    reference, scores = np.asarray(reference, np.float64), np.asarray(scores, np.float64)
    apart = np.abs(scores - reference)
    changed = (scores >= THRESHOLD) != (reference >= THRESHOLD)
    farthest = float(np.abs(reference[changed] - THRESHOLD).max(initial=0))
    both = len(set(labels)) == 2
    auc = roc_auc_score(labels, scores) - roc_auc_score(labels, reference) if both else 0.0
    numbers = (len(apart), float(apart.max()), float(apart.mean()), int(changed.sum()), farthest, float(auc))
    return Agreement(engine, precision, *numbers)


def prove_engines(
    model: TrainedModel, device: Device, others: Sequence[tuple[str, str]], say: Callable[[str], None] = print
) -> list[Agreement]:
    """Compare `others`, pairs of engine and precision, with Caffe on a fold's test cells at the run's own counts.

    Scores that the fold has already are taken as they are; those that it lacks are made and stay there.
    """
    for engine, precision in others:
        require_engine(engine, precision)
    reference = _scores(model, replace(device, engine="caffe", precision="float32"), say)
    found = []
    for engine, precision in others:
        scores = _scores(model, replace(device, engine=engine, precision=precision), say).scores
        found.append(agreement(engine, precision, reference.scores, scores, reference.labels))
        say(str(found[-1]))
    return found


def every_other() -> list[tuple[str, str]]:
    """All engines but Caffe, each in all its precisions."""
    return [(engine, precision) for engine, many in ENGINES.items() if engine != "caffe" for precision in many]


def _scores(model: TrainedModel, device: Device, say: Callable[[str], None]) -> Scores:
    """A fold's scores by one engine, read from their file, which is made first where there is none such."""
    views, crops = model.views().count, model.crops()
    path = model.folder / scores_name(0, own_way(model, views, crops, device))
    record = ScoreRecord.beside(path) if path.exists() else None
    wanted = (views, crops, device.engine, precision_of(device))
    if record is None or record.mismatch(path, 0, model.origin) or wanted != _made(record):
        evaluate_fold(model, device, EvaluateOptions(), say)
    return read_scores(path, model.split.folds[model.record.fold], model.classes)


def _made(record: ScoreRecord) -> tuple[int, int, str, str]:
    return record.views, record.crops, record.engine, record.precision
