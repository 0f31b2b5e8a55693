"""A detector on fields whose nuclei are known; with folds, its net is trained anew for each."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.detectors import open_detector
from deeppap.screening.nuclei.fcn_data import FieldSet
from deeppap.screening.nuclei.field_sets import split_sets
from deeppap.screening.nuclei.matching import RADIUS, Matched, match
from deeppap.screening.nuclei.nucleus import Detector
from deeppap.screening.nuclei.train_fcn import TrainRequest, train_fcn


def detect_all(detector: Detector, sets: Sequence[FieldSet], radius: float = RADIUS) -> dict[str, list[Matched]]:
    """What a detector found in every field, by set."""
    bar = tqdm(total=sum(len(s.fields) for s in sets), desc="detect", unit="field", disable=None)
    results: dict[str, list[Matched]] = {}
    with bar:
        for one in sets:
            for field in one.fields:
                found = detector.detect(field.image(), one.mpp)
                results.setdefault(one.name, []).append(match(field, found, radius))
                bar.update()
    return results


def cross_validate(
    folder: Path,
    sets: Sequence[FieldSet],
    folds: int,
    training: tuple[int, int | None, int] = (16000, None, 1),
    confidence: float | None = None,
    radius: float = RADIUS,
    say: Callable[[str], None] = print,
) -> dict[str, list[Matched]]:
    """What nets found in the fields that they were not trained on, by set; one net a fold, trained in `folder`.

    `training` is TrainRequest's crops, iterations and seed; the seed deals out the fields as well.

    Every field is kept whole and is judged once. A second call finds the nets that are trained already.
    """
    results: dict[str, list[Matched]] = {}
    for fold in range(folds):
        train, test = split_sets(sets, fold, folds, training[2])
        say(f"fold {fold} of {folds}: {sum(len(s.fields) for s in train)} fields to train on")
        weights = train_fcn(folder / f"fold{fold}", TrainRequest(train, *training), say)
        for name, found in detect_all(open_detector("fcn", weights, confidence), test, radius).items():
            results.setdefault(name, []).extend(found)
    return results


def require_foldable(detector: str, weights: Path | None, folds: int) -> None:
    """Refuse a cross-validation of what is not trained, or is trained already."""
    if detector != "fcn":
        raise UserError("--folds", "--detector fcn", detector, "Leave it out: this detector is not trained.")
    if weights is not None:
        raise UserError("--folds", "no --weights", str(weights), "Leave one out: every fold trains its own.")
    if folds < 2:
        raise UserError("--folds", "at least 2", f"{folds}", "Give a larger number.")
