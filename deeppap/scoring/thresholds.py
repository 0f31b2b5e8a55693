"""Thresholds for use: chosen on inner cells, which the net has not been trained on, for a stated sensitivity.

The paper calls a cell abnormal at 0.5. A screening wants to miss few abnormal cells, and a net's 0.5 may miss many.
The test cells cannot choose the threshold that they are judged at.
"""

from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Context
from statistics import mean
from typing import TYPE_CHECKING

import msgspec

from data_prep.classes import THRESHOLD
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.progress import progress
from deeppap.records import ScoreRecord, ThresholdRecord
from deeppap.records.record import write_record
from deeppap.records.run_folder import locked
from deeppap.records.structs import SENSITIVITIES
from deeppap.scoring.cell_views import cells_of_data_set
from deeppap.scoring.open_nets import SUMS
from deeppap.scoring.score_cells import CellScore, score_cells
from deeppap.scoring.score_files import scores_name, write_scores
from deeppap.stats.operating_point import operating_point

if TYPE_CHECKING:
    from deeppap.scoring.trained_model import TrainedModel

FILE = "inner_scores.csv"  # in a fold's folder, as scores.csv
DIGITS = 6  # that count: an over-confident net may score its abnormal cells far below one millionth
BELOW = 2.5  # abnormal cells that must lie below a threshold, or it hangs on one or two of them


def choose(scores: Sequence[CellScore]) -> tuple[ThresholdRecord, ...]:
    """The thresholds that cells held back from training choose; none if a label is missing among them."""
    judged = [score for score in scores if score.cell.label < 2]
    found = []
    for sensitivity in SENSITIVITIES.values():
        labels, values = [s.cell.label for s in judged], [s.score for s in judged]
        point = operating_point(labels, values, sensitivity) if judged else None
        if point is None:
            return ()
        # rounded down: a cell that the threshold calls abnormal stays so
        threshold = rounded_down(point["threshold"])
        below = sum(value < threshold for label, value in zip(labels, values, strict=True) if label == 0)
        counts = {name: point[name] for name in ("abnormal", "normal")}
        found.append(
            ThresholdRecord(sensitivity=sensitivity, threshold=threshold, specificity=below / point["normal"], **counts)
        )
    return tuple(found)


def rounded_down(value: float) -> float:
    """The highest number of DIGITS digits that does not exceed `value`."""
    return float(Context(prec=DIGITS, rounding=ROUND_FLOOR).create_decimal_from_float(value))


def ensure_thresholds(model: "TrainedModel", device: Device, say: Callable[[str], None]) -> None:
    """Score the inner cells of a fold whose own scores are there, unless its record has thresholds already."""
    with locked(model.folder):
        add_thresholds(model, device, None, say)


def add_thresholds(model: "TrainedModel", device: Device, batch: int | None, say: Callable[[str], None]) -> None:
    """As `ensure_thresholds`, by who holds the fold's folder; inner_scores.csv keeps the scores.

    The inner cells have as many views and crops as the test cells had. A run without inner cells has no thresholds.
    """
    path = model.folder / scores_name()
    record = ScoreRecord.beside(path)
    if model.run.select != "inner" or record.thresholds is not None:
        return
    cells = model.fold_cells()["inner"]
    say(f"{model.folder}: {len(cells)} inner cells x {record.views} views x {record.crops} crops, for the thresholds")
    ready = model.engine(device, batch).view_input(model.mean, record.crops)
    scored = score_cells(ready, cells_of_data_set(cells, model.views(record.views)), model.outputs)
    bar = progress(scored, total=len(cells), desc="inner cells", unit="cell")
    scores = sorted(bar, key=lambda score: score.cell.id)
    write_scores(model.folder / FILE, scores)
    found = choose(scores)
    write_record(path.with_suffix(".json"), msgspec.structs.replace(record, thresholds=found))
    for one in found:
        say(text(one))
    if not found:
        say("no threshold for use: the inner cells are all normal, or all abnormal")


def of_nets(models: Sequence["TrainedModel"]) -> tuple[ThresholdRecord, ...]:
    """The thresholds of nets whose scores are averaged: the means of theirs; none if a net has none."""
    each = [model.thresholds for model in models]
    return tuple(map(_mean, zip(*each, strict=True))) if all(each) else ()


def _mean(same: Sequence[ThresholdRecord]) -> ThresholdRecord:
    if len(same) == 1:
        return same[0]
    return ThresholdRecord(
        sensitivity=same[0].sensitivity,
        threshold=rounded_down(mean(one.threshold for one in same)),
        specificity=mean(one.specificity for one in same),
        abnormal=min(one.abnormal for one in same),
        normal=min(one.normal for one in same),
    )


def text(one: ThresholdRecord) -> str:
    """A threshold in a line: what it was chosen for, on how many cells, and whether these are too few."""
    cells = f"{one.abnormal} abnormal and {one.normal} normal cells held back from training"
    found = f"threshold {one.threshold:g}: sensitivity {100 * one.sensitivity:.0f} % on {cells}"
    found += f", at a specificity of {100 * one.specificity:.1f} %"
    if one.specificity == 0:
        return f"{found}: it calls every normal cell held back abnormal, so it is of no use"
    return f"{found}; uncertain, so few abnormal cells chose it" if is_uncertain(one) else found


def is_uncertain(one: ThresholdRecord) -> bool:
    """Whether too few abnormal cells chose it: 50 are needed for a sensitivity of 95 %, 250 for 99 %."""
    return one.abnormal * (1 - one.sensitivity) < BELOW - 1e-9


def _how_to_get(model: "TrainedModel") -> str:
    """What to do for a net that could have thresholds and has none."""
    if (model.folder.parent / SUMS).exists():  # a release has no inner cells to score
        return "Give a number."
    # by another engine than the run's own, the scores would be others beside them
    own = f"--engine {model.run.engine} --precision {model.run.precision}"
    return f"Run tools/evaluate.py --net {model.folder} {own}, or give a number."


def require_threshold(models: Sequence["TrainedModel"], asked: str | float | None) -> tuple[float, str]:
    """The threshold that a user asks for, and the same in words.

    `asked` is a name in SENSITIVITIES, a number, or None for the paper's threshold.

    Raises
    ------
    UserError
        If the nets have no threshold of that name.
    """
    if asked is None:
        return THRESHOLD, f"threshold {THRESHOLD:g}, the paper's"
    if asked not in SENSITIVITIES:
        return float(asked), f"threshold {asked:g}, as given"
    found = next((one for one in of_nets(models) if one.sensitivity == SENSITIVITIES[asked]), None)
    if found is None:
        model = next((model for model in models if not model.thresholds), models[0])
        if model.run.select != "inner":
            raise FieldError(
                "threshold",
                "a net trained with `select` inner, which holds cells back to choose it by",
                f"`select` {model.run.select} in {model.folder}",
                "Give a number, or train with `select` inner.",
            )
        do = _how_to_get(model)
        raise UserError(model.folder, "scores of inner cells of both labels, to choose a threshold by", "none", do)
    made = models[0].test_record
    return found.threshold, f"{text(found)} (scored with {made.views} views x {made.crops} crops)"
