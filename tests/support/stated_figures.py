"""Figures of kept runs as the pages print them."""

from collections.abc import Iterable
from functools import cache

from measures.baseline_metrics import baseline_metrics
from measures.by_class import right_per_class
from measures.intervals import interval
from measures.metrics import binary_metrics, right
from reporting.tables.performance_rows import metric_text
from scoring.results import FoldResult, RunResult, load_run
from tests.support.checkout import ROOT
from training.caffe_log import parse

FOUR = ("sens", "spec", "acc", "auc")


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
    found = baseline_metrics(run, name)
    return {metric: metric_text(metric, found[metric]) for metric in FOUR}


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
