"""What docs/night.md says of its kept runs: its rows and sentences written anew from the files in results/."""

from collections.abc import Iterator
from dataclasses import replace
from math import log

import numpy as np
import pytest

from data_prep.herlev_classes import CLASSES
from deeppap.report.runs import common_cells
from deeppap.stats.calibration import expected_calibration_error
from deeppap.stats.compare import compare
from deeppap.training.caffe_log import parse
from tests.support.stated_figures import (
    FIELD,
    NIGHT,
    NIGHT_SEVEN,
    SEVEN,
    against_area,
    baseline,
    confusion_of,
    confusion_rows,
    degrees_confused,
    five_folds_together,
    kept,
    require_said,
    right_of,
    seven_error_texts,
    seven_way_error,
    texts,
    wrong_cells,
)

SHOWN = (1, 5, 10, 15)  # epochs in the tables


def fold_rows(name: str) -> Iterator[str]:
    """Each fold's loss and accuracy of views after the epochs shown, then its cells; the evening's accuracy and AUC."""
    evening = FIELD if name == NIGHT else SEVEN
    for fold, before in zip(kept(name).folds, kept(evening).folds, strict=True):
        tests = parse(fold.folder / "train.log").test
        views = [f"{loss:.3f} / {accuracy:.3f}" for _, loss, accuracy in (tests[epoch] for epoch in SHOWN)]
        alone = replace(kept(name), folds=(fold,))
        wrong = [seven_way_error(alone)] if name == NIGHT_SEVEN else []
        cells = [*wrong, *texts(fold), ", ".join(texts(before, ["acc", "auc"]))]
        yield f"| {fold.fold} | {' | '.join([*views, *cells])} |"


def only_one_right(first: str, second: str) -> str:
    both = common_cells([kept(first), kept(second)])
    found = compare(both.labels, *both.scores, both.groups)
    low, high = (-limit for limit in reversed(found["interval"]))
    return (
        f"{found['only_second']} cells are right that were wrong and {found['only_first']} wrong that were right; "
        f"the AUC is larger by {-found['difference']:.3f} ({low:.3f} to {high:.3f})"
    )


def two_classes() -> Iterator[str]:
    yield from fold_rows(NIGHT)
    yield five_folds_together(NIGHT)
    yield only_one_right(FIELD, NIGHT)


def seven_classes() -> Iterator[str]:
    yield from fold_rows(NIGHT_SEVEN)
    yield five_folds_together(NIGHT_SEVEN)
    error, collapsed = seven_error_texts(NIGHT_SEVEN)
    before = seven_way_error(kept(SEVEN))
    yield f"**The seven-way error is {error}** (`evening`: {before})"
    yield f"as normal and abnormal the same answers have an error of {collapsed}"
    yield from confusion_rows(NIGHT_SEVEN)
    counts = confusion_of(kept(NIGHT_SEVEN))
    wrong, near = counts.sum() - np.trace(counts), degrees_confused(counts)
    yield f"Of {wrong} wrong answers {near} are between neighbouring degrees"
    yield only_one_right(SEVEN, NIGHT_SEVEN)
    last = [parse(fold.folder / "train.log").test[-1][1] for fold in kept(NIGHT_SEVEN).folds]
    above = ("no", "one", "two", "three", "four", "all")[sum(loss > log(7) for loss in last)]
    yield f"in {above} folds above the {log(7):.2f} of"
    run = kept(NIGHT_SEVEN)
    error = expected_calibration_error(run.pooled("labels"), run.pooled("scores"))
    yield f"calibration error (ECE, ten bins) of {error:.3f}"


def by_class() -> Iterator[str]:
    runs = [kept(name) for name in (FIELD, NIGHT, NIGHT_SEVEN)]
    found = [right_of(run) for run in runs]
    for known in CLASSES:
        cells = found[0][known.name][1]
        yield f"| {known.name} | {cells} | {' | '.join(str(one[known.name][0]) for one in found)} |"
    yield f"| all | {len(runs[0].ids)} | {' | '.join(str(len(run.ids) - wrong_cells(run)) for run in runs)} |"
    area = baseline(kept(NIGHT), "nucleus_area")
    yield f"The nucleus's area alone has an accuracy of {area['acc']} % and an AUC of {area['auc']}"
    (right_two, auc_two), (right_seven, auc_seven) = (against_area(name) for name in (NIGHT, NIGHT_SEVEN))
    yield f"the net of two classes has P {right_two} for the accuracy and {auc_two} for the AUC,"
    yield f"the net of seven classes P {right_seven} and {auc_seven} ("


@pytest.mark.parametrize("says", [two_classes, seven_classes, by_class], ids=lambda says: says.__name__)
def test_the_page_says_what_the_files_give(says):
    require_said("docs/night.md", says())
