"""What README and docs state of the kept runs beside their six metrics, by number.

Each function gives tuples of figures, made from the files in results/ and the paper's figures. A page must hold each
tuple in one paragraph or row of a table. Trials whose scores were not kept cannot be asked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from math import log

import numpy as np
import pytest

from data_prep.herlev_classes import CLASSES
from deeppap.report.paper import paper
from deeppap.report.runs import Run
from deeppap.report.table import metric_text
from deeppap.report.tables.comparison import against_baseline, chance, of_baseline
from deeppap.scoring.results import FoldResult, RunResult, load_run
from deeppap.stats.by_class import class_wrong, confusion, right_per_class
from deeppap.stats.calibration import expected_calibration_error
from deeppap.stats.compare import compare
from deeppap.stats.intervals import interval, share_interval
from deeppap.stats.metrics import binary_metrics, percent, right
from tests.support.checkout import ROOT
from tests.support.stated import numbers, require_stated

CELL, FIELD, SEVEN = "herlev-cell-short", "herlev-field-short-inner", "herlev-field-short-7class-inner"
MEDIUM, MEDIUM_SEVEN = "herlev-field-medium-last", "herlev-field-medium-7class-last"
SHUFFLED = "herlev-cell-short-shuffle"
CRIC, CRIC_MEDIUM = "cric-external-herlev-field-short", "cric-external-herlev-field-medium"
FOUR = ("sens", "spec", "acc", "auc")
SHOWN_EPOCHS = (1, 5, 10, 15)
Figures = Iterator[tuple[object, ...]]


@cache
def kept(name: str) -> RunResult:
    return load_run(ROOT / "results" / name)


def pooled(result: RunResult | FoldResult, field: str) -> np.ndarray:
    return result.pooled(field) if isinstance(result, RunResult) else getattr(result, field)


def texts(result: RunResult | FoldResult, names: Iterable[str] = FOUR, shift: int = 0) -> list[str]:
    """Metrics of a run, pooled, or of one fold, under a shift of the centres."""
    metrics = binary_metrics(pooled(result, "labels"), pooled(result, f"shift{shift}" if shift else "scores"))
    return [metric_text(name, metrics[name]) for name in names]


@cache
def limits(name: str, metric: str, shift: int = 0) -> list[str]:
    """A pooled metric's 95 % interval."""
    run = kept(name)
    scores = run.pooled(f"shift{shift}" if shift else "scores")
    return [metric_text(metric, end) for end in interval(run.pooled("labels"), scores, metric, run.groups())]


def with_limits(name: str, metric: str, shift: int = 0) -> list[str]:
    return [*texts(kept(name), [metric], shift), *limits(name, metric, shift)]


def folds_together(name: str) -> tuple[str, ...]:
    """The four pooled metrics, the last two with their intervals."""
    return (*texts(kept(name))[:2], *with_limits(name, "acc"), *with_limits(name, "auc"))


def right_of(run: RunResult) -> dict[str, tuple[int, int]]:
    """Cells on the right side and all cells, by the class's name."""
    names = [run.cells[cell].class_name for cell in run.ids]
    return right_per_class(names, run.pooled("labels"), run.pooled("scores"))


def wrong_cells(run: RunResult, label: int | None = None) -> int:
    """Cells on the wrong side: all, or those of one label."""
    labels = run.pooled("labels")
    wrong = ~right(labels, run.pooled("scores"))
    return int(wrong.sum() if label is None else wrong[labels == label].sum())


def baseline(name: str, which: str) -> list[str]:
    found = of_baseline(Run(kept(name), name), which)
    return [metric_text(metric, found[metric]) for metric in FOUR]


def against_area(name: str) -> list[str]:
    """P of the net against the nucleus's area alone: who is right, and AUC."""
    found = against_baseline(Run(kept(name), name), "nucleus_area")
    return numbers(f"{chance(found['p_right'])} {chance(found['p_auc'])}")


def epochs(fold: FoldResult) -> list[str]:
    """Loss and accuracy of views after each epoch."""
    return [f"{value:.3f}" for _, *values in fold.log.test[1:] for value in values]


def seven_errors(name: str) -> list[list[str]]:
    """The seven-way error and the one as normal and abnormal, each with its interval."""
    run, found = kept(name), []
    for wrong in class_wrong(run.pooled("probs"), run.pooled("kinds"), run.classes).values():
        found.append([percent(value) for value in (wrong.mean(), *share_interval(wrong, run.groups()))])
    return found


def confusion_rows(name: str) -> Figures:
    run = kept(name)
    counts = confusion(run.pooled("probs"), run.pooled("kinds"))
    for place, row in enumerate(counts):
        yield (*row, percent(row[place] / row.sum()))
    abnormal = counts[3:, 3:]
    near = np.diag(abnormal, 1).sum() + np.diag(abnormal, -1).sum()
    yield counts.sum() - np.trace(counts), near


def only_one_right(first: str, second: str) -> tuple[object, ...]:
    one, other = kept(first), kept(second)
    scores = [dict(zip(run.ids, run.pooled("scores"), strict=True)) for run in (one, other)]
    both = [np.array([table[cell] for cell in one.ids]) for table in scores]
    found = compare(one.pooled("labels"), *both, one.groups())
    low, high = (-limit for limit in reversed(found["interval"]))
    return found["only_second"], found["only_first"], f"{-found['difference']:.3f}", f"{low:.3f}", f"{high:.3f}"


def results() -> Figures:
    yield (*limits(CELL, "acc"), *limits(CELL, "auc"))
    yield (*limits(MEDIUM, "acc"), *limits(MEDIUM, "auc"))
    moved, unmoved = (percent(paper()[name]["acc"]) for name in ("herlev_shift10", "herlev"))
    yield (*texts(kept(CELL), ["acc"], 10), moved, unmoved)
    yield tuple(count for known in CLASSES for count in right_of(kept(CELL))[known.name])
    yield tuple(paper()["right_per_class"][kind][0] for kind in (2, 5))
    yield tuple(against_area(MEDIUM))
    hits, columnar = right_of(kept(MEDIUM))["columnar"]
    yield columnar - hits, wrong_cells(kept(MEDIUM))
    yield (f"{100 * kept(CELL).baselines['sibling_share']['share']:.0f}",)


def short_folds() -> Figures:
    for name in (CELL, FIELD):
        for fold in kept(name).folds:
            yield (fold.fold, *epochs(fold), *texts(fold))
        yield folds_together(name)
        yield (*with_limits(name, "acc", 5), *with_limits(name, "acc", 10))
    best = paper()["training"]
    yield best["validation_loss"], best["validation_accuracy"]
    # what the other snapshots of these folds gave is in no file
    yield from (tuple(texts(fold, ["acc", "auc"])) for fold in kept(FIELD).folds)
    yield (2, 2, *epochs(kept(FIELD).folds[0]))


def short_cells() -> Figures:
    cell, field = kept(CELL), kept(FIELD)
    labels, hits, columnar = cell.pooled("labels"), *right_of(cell)["columnar"]
    by_label = [wrong_cells(cell, 0), (labels == 0).sum(), columnar - hits, wrong_cells(cell, 1), (labels == 1).sum()]
    yield tuple(by_label)
    yield tuple(texts(cell.folds[2], ["spec"]))
    found = right_of(field)
    severe, of_severe = found["severe dysplasia"]
    yield found["columnar"][0], columnar, hits, severe, of_severe, right_of(cell)["severe dysplasia"][0]
    others = [100 * h / n for name, (h, n) in found.items() if name not in ("columnar", "severe dysplasia")]
    yield f"{min(others):.0f}", f"{max(others):.0f}", columnar - found["columnar"][0], wrong_cells(field)
    gains = []
    for fold in field.folds:
        first, *later = fold.log.test[1:]
        if first[0] == fold.model.iteration:
            gains.append(100 * max(accuracy - first[2] for _, _, accuracy in later))
    yield f"{min(gains):.1f}", f"{max(gains):.1f}"
    area, p_right, p_auc = baseline(FIELD, "nucleus_area"), *against_area(FIELD)
    yield area[2], area[3], p_right, p_auc


def short_seven() -> Figures:
    error, collapsed = seven_errors(SEVEN)
    yield tuple(error)
    yield (*collapsed, percent(wrong_cells(kept(FIELD)) / len(kept(FIELD).ids)))
    yield from confusion_rows(SEVEN)
    run = kept(SEVEN)
    counts = confusion(run.pooled("probs"), run.pooled("kinds"))
    columnar = right_of(kept(FIELD))["columnar"][0]
    yield counts[2, 2], counts[2].sum(), columnar, counts[5, 2], counts[5].sum()
    yield (*texts(run, ["acc"], 5), *texts(run, ["acc"]))


def short_control() -> Figures:
    (fold,) = kept(SHUFFLED).folds
    (same,) = (true for true in kept(CELL).folds if true.fold == fold.fold)
    yield tuple(limits(SHUFFLED, "auc"))
    yield (*epochs(fold), f"{max(accuracy for _, _, accuracy in same.log.test):.3f}")


def medium_folds(name: str, before: str) -> Figures:
    """Loss and accuracy of views after the epochs shown, the cells, and accuracy and AUC of the short run."""
    for fold, other in zip(kept(name).folds, kept(before).folds, strict=True):
        views = [f"{value:.3f}" for epoch in SHOWN_EPOCHS for value in fold.log.test[epoch][1:]]
        alone = replace(kept(name), folds=(fold,))
        wrong = []
        if name == MEDIUM_SEVEN:
            seven = class_wrong(alone.pooled("probs"), alone.pooled("kinds"), alone.classes)
            wrong = [percent(seven["each_class"].mean())]
        yield (fold.fold, *views, *wrong, *texts(fold), *texts(other, ["acc", "auc"]))
    yield folds_together(name)
    yield only_one_right(before, name)


def medium() -> Figures:
    yield from medium_folds(MEDIUM, FIELD)
    yield from medium_folds(MEDIUM_SEVEN, SEVEN)
    error, collapsed = seven_errors(MEDIUM_SEVEN)
    yield (*error, seven_errors(SEVEN)[0][0], *collapsed)
    yield from confusion_rows(MEDIUM_SEVEN)
    run = kept(MEDIUM_SEVEN)
    assert sum(fold.log.test[-1][1] > log(7) for fold in run.folds) == 3  # "three folds above 1.95"
    yield (f"{log(7):.2f}",)
    yield (f"{expected_calibration_error(run.pooled('labels'), run.pooled('scores')):.3f}",)


def medium_classes() -> Figures:
    runs = [kept(name) for name in (FIELD, MEDIUM, MEDIUM_SEVEN)]
    found = [right_of(run) for run in runs]
    for known in CLASSES:
        yield (found[0][known.name][1], *(one[known.name][0] for one in found))
    yield (len(runs[0].ids), *(len(run.ids) - wrong_cells(run) for run in runs))
    yield (*baseline(MEDIUM, "nucleus_area")[2:], *against_area(MEDIUM), *against_area(MEDIUM_SEVEN))


def external() -> Figures:
    run = kept(CRIC)
    for metric, text in zip(FOUR, texts(run), strict=True):
        yield ("95", text, *limits(CRIC, metric))[1:]
    labels = run.pooled("labels")
    yield len(labels), (labels == 0).sum(), (labels == 1).sum()
    classes = ("Negative for intraepithelial lesion", "ASC-US", "LSIL", "HSIL", "SCC")
    yield tuple(count for name in classes for count in right_of(run)[name])
    yield (percent((labels == 0).mean()),)
    found = right_of(kept(CRIC_MEDIUM))
    counts = [count for name in ("NILM", *classes[1:]) for count in found[name]]
    yield (*(end for metric in FOUR for end in limits(CRIC_MEDIUM, metric)), *counts)
    yield (*texts(kept(CRIC_MEDIUM), ["auc"]), *texts(run, ["auc"]))


PAGES = {
    results: "docs/experiments/results.md",
    short_folds: "docs/experiments/short.md",
    short_cells: "docs/experiments/short.md",
    short_seven: "docs/experiments/short.md",
    short_control: "docs/experiments/short.md",
    medium: "docs/experiments/medium.md",
    medium_classes: "docs/experiments/medium.md",
    external: "docs/experiments/external.md",
}


@pytest.mark.parametrize("figures", PAGES, ids=lambda figures: figures.__name__)
def test_a_page_states_what_the_files_give(figures):
    require_stated(ROOT / PAGES[figures], figures())


def test_a_figure_that_the_files_do_not_give_is_found(tmp_path):
    (tmp_path / "page.md").write_text("Acc 96.1 (94.1 to 97.4).\n\n| fold | 0.158 / 0.921 | 1,320 |\n- 7 of 9\n")
    require_stated(tmp_path / "page.md", [("96.1", "94.1", "97.4"), ("0.158", "0.921", 1320), (7, 9)])
    for wrong in (("96.1", "97.4"), ("97.4", "0.158"), ("96.2",)):
        with pytest.raises(AssertionError, match=wrong[0]):
            require_stated(tmp_path / "page.md", [wrong])
