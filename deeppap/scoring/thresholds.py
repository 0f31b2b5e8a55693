"""Thresholds for use: chosen on cells that the net has not been trained on, for a stated sensitivity.

The paper calls a cell abnormal at 0.5. A screening wants to miss few abnormal cells, and a net's 0.5 may miss many.
Inner cells choose the threshold where a run has any. Where the last snapshot is taken (`select` last), the test cells
do: they have chosen nothing else, but they cannot say what the threshold is worth.
"""

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Context
from statistics import mean
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from data_prep.cells import Cell
from data_prep.classes import THRESHOLD
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.records import ScoreRecord, ThresholdRecord
from deeppap.records.record import write_record
from deeppap.records.run_folder import is_release, locked
from deeppap.records.structs import SENSITIVITIES
from deeppap.scoring.cell_views import cells_of_data_set, scored_text
from deeppap.scoring.score_cells import CellScore, all_scores, score_cells
from deeppap.scoring.score_files import read_scores, scores_name, write_scores
from deeppap.stats.operating_point import needed, operating_point

if TYPE_CHECKING:
    from deeppap.scoring.trained_model import TrainedModel

FILE = "inner_scores.csv"  # in a fold's folder, as scores.csv
DIGITS = 6  # that count: an over-confident net may score its abnormal cells far below one millionth
BELOW = 2.5  # abnormal cells that must lie below a threshold, or it hangs on one or two of them


def choose(labels: np.ndarray, scores: np.ndarray, tested: np.ndarray | None = None) -> tuple[ThresholdRecord, ...]:
    """The thresholds that cells held back from training choose; none if a label is missing among them.

    Those of `labels` and `scores` (n,) that are neither normal nor abnormal have no say. `tested` (m,) are the scores
    of abnormal test cells, which say what a threshold is worth; None if the test cells themselves choose.
    """
    labels, scores = labels[labels < 2], scores[labels < 2]
    found = []
    for sensitivity in SENSITIVITIES.values():
        point = operating_point(labels, scores, sensitivity) if len(labels) else None
        if point is None:
            return ()
        # rounded down: a cell that the threshold calls abnormal stays so
        threshold = rounded_down(point["threshold"])
        found.append(
            ThresholdRecord(
                sensitivity=sensitivity,
                threshold=threshold,
                specificity=float(np.mean(scores[labels == 0] < threshold)),
                abnormal=point["abnormal"],
                normal=point["normal"],
                tested=None if tested is None else (int(np.sum(tested >= threshold)), len(tested)),
                by="inner" if tested is not None else "test",
            )
        )
    return tuple(found)


def rounded_down(value: float) -> float:
    """The highest number of DIGITS digits that does not exceed `value`."""
    return float(Context(prec=DIGITS, rounding=ROUND_FLOOR).create_decimal_from_float(value))


def ensure_thresholds(model: "TrainedModel", device: Device, say: Callable[[str], None]) -> None:
    """Score the inner cells of a fold whose own scores are there, unless its record has thresholds already."""
    with locked(model.folder):
        add_thresholds(model, device, say)


def add_thresholds(model: "TrainedModel", device: Device, say: Callable[[str], None]) -> None:
    """As `ensure_thresholds`, by who holds the fold's folder; inner_scores.csv keeps the scores of inner cells.

    The inner cells have as many views and crops as the test cells had. A run whose test cells choose the snapshot has
    no thresholds.
    """
    path = model.folder / scores_name()
    record = ScoreRecord.beside(path)
    if model.run.select == "paper" or record.thresholds is not None:
        return
    parts = model.fold_cells()
    test = read_scores(path, [cell.id for cell in parts["test"]], model.outputs)
    tested = test.numbers[:, 0]
    if model.run.select == "last":
        found = choose(test.labels, tested)
    else:
        inner = _score_inner(model, parts["inner"], record, device, say)
        values = np.array([score.score for score in inner])
        found = choose(np.array([score.cell.label for score in inner]), values, tested[test.labels == 1])
    write_record(path.with_suffix(".json"), msgspec.structs.replace(record, thresholds=found))
    for name, one in zip(SENSITIVITIES, found, strict=False):  # none is found without both labels
        say(f"{name}: {text(one)}" if has_enough(one) else f"no {name}: {few_text(one)}")
    if not found:
        say("no threshold for use: these cells are all normal, or all abnormal")


def _score_inner(
    model: "TrainedModel", cells: Sequence[Cell], record: ScoreRecord, device: Device, say: Callable[[str], None]
) -> list[CellScore]:
    """Score the inner cells as the record says that the test cells were scored, and keep the scores."""
    what = scored_text(len(cells), record.views, record.crops)
    say(f"{model.folder}: {what}, to choose the thresholds; these are its inner cells, held back from training")
    ready = model.engine(device).view_input(model.mean, record.crops)
    scored = score_cells(ready, cells_of_data_set(cells, model.views(record.views)), model.outputs)
    scores = all_scores(scored, len(cells), "inner cells")
    write_scores(model.folder / FILE, scores)
    return scores


def of_nets(models: Sequence["TrainedModel"]) -> tuple[ThresholdRecord, ...]:
    """The thresholds of nets whose scores are averaged, the means of theirs; none if a net has none.

    One that too few abnormal cells chose is left out.
    """
    return tuple(filter(has_enough, _means(models)))


def _means(models: Sequence["TrainedModel"]) -> tuple[ThresholdRecord, ...]:
    each = [model.thresholds for model in models]
    return tuple(map(_mean, zip(*each, strict=True))) if all(each) else ()


def _mean(same: Sequence[ThresholdRecord]) -> ThresholdRecord:
    if len(same) == 1:
        return same[0]
    fewest = min(same, key=lambda one: one.abnormal)
    return msgspec.structs.replace(fewest, threshold=rounded_down(mean(one.threshold for one in same)))


def short(threshold: float) -> str:
    """A threshold as a reader needs it: three digits, and more only next to 1."""
    return f"{threshold:.3g}" if threshold < 0.9995 else f"{threshold:g}"


def text(one: ThresholdRecord, nets: int = 1) -> str:
    """A threshold in a line: whether it is doubted, and which cells it calls abnormal."""
    # the highest one that reaches the sensitivity: equal scores may add a cell
    called = needed(one.sensitivity, one.abnormal)
    alarms = round((1 - one.specificity) * one.normal)
    doubt = doubt_of(one)
    found = f"threshold {short(one.threshold)}" + (f" ({doubt})" if doubt else "")
    found += f", the mean of {nets} nets; that of the fewest cells" if nets > 1 else ""
    found += f" calls at least {called} of {one.abnormal} abnormal {one.by} cells abnormal"
    found += f", {alarms} of {one.normal} normal ones"
    if one.tested and one.tested[1]:
        right, of = one.tested
        found += f"; sensitivity on test cells {100 * right / of:.0f} % ({right} of {of})"
    if one.threshold > THRESHOLD:
        found += f". It is above {THRESHOLD:g}, since enough abnormal {one.by} cells score higher than {THRESHOLD:g}"
    return found


def doubt_of(one: ThresholdRecord) -> str:
    """Why a threshold should not be trusted; "" if nothing is against it."""
    if one.specificity == 0:
        return f"of no use: every normal {one.by} cell is called abnormal"
    return f"uncertain: too few abnormal {one.by} cells" if is_uncertain(one) else ""


def has_enough(one: ThresholdRecord) -> bool:
    """Whether enough abnormal cells chose it to speak of its sensitivity at all: 20 for 95 %, 100 for 99 %."""
    return one.abnormal >= least_abnormal(one.sensitivity)


def least_abnormal(sensitivity: float) -> int:
    """The fewest abnormal cells that choose a threshold; of fewer, the lowest score of all would be it."""
    return math.ceil(1 / (1 - sensitivity) - 1e-9)


def few_text(one: ThresholdRecord) -> str:
    """Why a threshold is not offered."""
    return f"{one.abnormal} abnormal {one.by} cell(s) are too few, {least_abnormal(one.sensitivity)} are needed"


def is_uncertain(one: ThresholdRecord) -> bool:
    """Whether too few abnormal cells chose it: 50 are needed for a sensitivity of 95 %, 250 for 99 %."""
    return one.abnormal * (1 - one.sensitivity) < BELOW - 1e-9


def require_threshold(models: Sequence["TrainedModel"], asked: str | float | None) -> tuple[float, str]:
    """The threshold that a user asks for, and the same in words.

    `asked` is a name in SENSITIVITIES, a number, or None for the paper's threshold.

    UserError if the nets have no threshold of that name.
    """
    if asked is None:
        return THRESHOLD, f"threshold {THRESHOLD:g}, the paper's"
    if asked not in SENSITIVITIES:
        return float(asked), f"threshold {asked:g}, as given"
    found = _named(_means(models), asked)
    if found is None:
        model = next((model for model in models if not model.thresholds), models[0])
        if model.run.select == "paper":
            raise FieldError(
                "threshold",
                "a net trained with `select` inner or last, of which some cells have chosen nothing yet",
                f"`select` {model.run.select} in {model.folder}",
                "Give a number, or train with `select` inner.",
            )
        # by another engine than the run's own, the scores would be others beside them
        own = f"--engine {model.run.engine} --precision {model.run.precision}"
        do = f"Run tools/evaluate.py --net {model.folder} {own}, or give a number."
        if is_release(model.folder.parent):  # a release has no inner cells to score
            do = "Give a number."
        raise UserError(model.folder, "scores of test or inner cells of both labels, which choose it", "none", do)
    if not has_enough(found):
        expected = f"a net of which {least_abnormal(found.sensitivity)} or more abnormal cells chose {asked}"
        do = "Give a number, such as 0.5, or train with more labelled cells."
        raise FieldError("threshold", expected, f"{found.abnormal} abnormal {found.by} cell(s)", do)
    made = models[0].test_record
    held_back = "Inner cells were held back from training. " if found.by == "inner" else ""
    counts = f"{made.views} views (pictures of a cell) x {made.crops} crops (cut-outs of a view)"
    return found.threshold, f"{asked}: {text(found, len(models))}. {held_back}Chosen at {counts}"


def doubt_of_threshold(models: Sequence["TrainedModel"], asked: str | float | None) -> str:
    """As `doubt_of`, of the threshold that a user asks for; "" of a number or of the paper's."""
    found = _named(of_nets(models), asked)
    return doubt_of(found) if found else ""


def _named(thresholds: Sequence[ThresholdRecord], asked: str | float | None) -> ThresholdRecord | None:
    """The threshold of that name; None if there is none."""
    return next((one for one in thresholds if one.sensitivity == SENSITIVITIES.get(asked)), None)
