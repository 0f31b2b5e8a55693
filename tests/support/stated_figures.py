"""Figures of kept runs as the pages print them."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from data_prep.herlev_classes import CLASSES
from deeppap.report.runs import Run
from deeppap.report.table import metric_text
from deeppap.report.tables.comparison import against_baseline, chance, of_baseline
from deeppap.scoring.results import FoldResult, RunResult, load_run
from deeppap.stats.by_class import confusion, right_per_class, seven_class_errors, seven_class_wrong
from deeppap.stats.intervals import interval, share_interval
from deeppap.stats.metrics import binary_metrics, percent, right
from deeppap.training.caffe_log import parse
from tests.support.checkout import ROOT

CELL, FIELD, SEVEN = "herlev-cell-evening", "herlev-field-evening-inner", "herlev-field-evening-7class-inner"
NIGHT, NIGHT_SEVEN = "herlev-field-night-last", "herlev-field-night-7class-last"
FOUR = ("sens", "spec", "acc", "auc")


def require_said(page: str, lines: Iterable[str]) -> None:
    """Each line stands once on a page, wherever its own lines end."""
    text = re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8"))
    wrong = [f"{text.count(line)} times: {line}" for line in lines if text.count(line) != 1]
    assert not wrong, f"{page} should say once and says\n" + "\n".join(wrong)


@cache
def kept(name: str) -> RunResult:
    """A run of results/."""
    return load_run(ROOT / "results" / name)


def texts(result: RunResult | FoldResult, names: Iterable[str] = FOUR, shift: int = 0) -> list[str]:
    """Metrics of a run, pooled, or of one fold, of its true centres or moved ones."""
    field = f"shift{shift}" if shift else "scores"
    labels, scores = (
        result.pooled(name) if isinstance(result, RunResult) else getattr(result, name) for name in ("labels", field)
    )
    metrics = binary_metrics(labels, scores)
    return [metric_text(name, metrics[name]) for name in names]


@cache
def limits(run: str, metric: str, between: str = " to ", shift: int = 0) -> str:
    """A pooled metric's 95 % interval, `94.1 to 97.4`."""
    result = kept(run)
    scores = result.pooled(f"shift{shift}" if shift else "scores")
    low, high = interval(result.pooled("labels"), scores, metric, result.groups())
    return f"{metric_text(metric, low)}{between}{metric_text(metric, high)}"


def with_limits(run: str, metric: str, shift: int = 0) -> str:
    """A pooled metric with its interval behind it."""
    return f"{texts(kept(run), [metric], shift)[0]} ({limits(run, metric, shift=shift)})"


def five_folds_together(run: str) -> str:
    """The four pooled metrics, the last two with their intervals."""
    sens, spec = texts(kept(run))[:2]
    acc, auc = with_limits(run, "acc"), with_limits(run, "auc")
    return f"Five folds together: Sens {sens}, Spec {spec}, Acc {acc}, AUC {auc}."


def right_of(run: RunResult) -> dict[str, tuple[int, int]]:
    """Cells on the right side and all cells, by the class's name."""
    names = [run.cells[cell].class_name for cell in run.ids]
    return right_per_class(names, run.pooled("labels"), run.pooled("scores"))


def wrong_cells(run: RunResult, label: int | None = None) -> int:
    """Cells on the wrong side: all, or those of one label."""
    labels = run.pooled("labels")
    wrong = ~right(labels, run.pooled("scores"))
    return int(wrong.sum() if label is None else wrong[labels == label].sum())


def baseline(run: RunResult, name: str) -> dict[str, str]:
    """A baseline's metrics as text."""
    found = of_baseline(Run(run, run.name), name)
    return {metric: metric_text(metric, found[metric]) for metric in FOUR}


def against_area(run: str) -> tuple[str, str]:
    """P of the net against the nucleus's area alone: who is right, and AUC."""
    found = against_baseline(Run(kept(run), run), "nucleus_area")
    return chance(found["p_right"]), chance(found["p_auc"])


def epochs(fold: FoldResult) -> str:
    """Loss and accuracy of views after each epoch, the chosen one in bold."""
    rows = []
    for iteration, loss, accuracy in parse(fold.folder / "train.log").test[1:]:
        mark = "**" if iteration == fold.model["iteration"] else ""
        rows.append(f"{mark}{loss:.3f} / {accuracy:.3f}{mark}")
    return ", ".join(rows)


def accuracy_gained(fold: FoldResult) -> list[float] | None:
    """By how much the accuracy of views has risen after each epoch since the first; None where another is chosen."""
    first, *_ = rows = parse(fold.folder / "train.log").test[1:]
    if first[0] != fold.model["iteration"]:
        return None
    return [accuracy - first[2] for _, _, accuracy in rows]


def seven_error_texts(run: str) -> list[str]:
    """The seven-way error and the one as normal and abnormal, each with its interval."""
    result = kept(run)
    texts = []
    for wrong in seven_class_wrong(result.pooled("probs"), result.pooled("class7")).values():
        low, high = share_interval(wrong, result.groups())
        texts.append(f"{percent(wrong.mean())} % ({percent(low)} to {percent(high)})")
    return texts


def seven_way_error(result: RunResult | FoldResult) -> str:
    """The share of cells whose most likely class of seven is wrong, in percent."""
    probs, class7 = (
        result.pooled(name) if isinstance(result, RunResult) else getattr(result, name) for name in ("probs", "class7")
    )
    return percent(seven_class_errors(probs, class7)["seven_way"])


def confusion_of(result: RunResult) -> np.ndarray:
    """Cells by true class (row) and most likely class (column)."""
    return confusion(result.pooled("probs"), result.pooled("class7"))


def confusion_rows(run: str) -> Iterator[str]:
    """One row for each of the seven classes: how often each was answered, and the share that is right."""
    for place, (known, row) in enumerate(zip(CLASSES, confusion_of(kept(run)), strict=True)):
        yield f"| {known.name} | {' | '.join(map(str, row))} | {percent(row[place] / row.sum())} |"


def degrees_confused(counts: np.ndarray) -> int:
    """Of a confusion of seven classes (7, 7), the answers one degree of abnormality off."""
    abnormal = counts[3:, 3:]
    return int(np.diag(abnormal, 1).sum() + np.diag(abnormal, -1).sum())
