"""Whether ours and the paper's accuracy agree: each beside the other's interval."""

from collections.abc import Sequence

from measures.intervals import interval
from measures.metrics import binary_metrics, percent
from reporting.notes import labels
from reporting.paper import accuracy_interval, right_in_all
from scoring.results import RunResult


def place_of(accuracy: float, limits: tuple[float, float]) -> str:
    """Where an accuracy lies of an interval: "inside" or "outside"."""
    return "inside" if limits[0] <= accuracy <= limits[1] else "outside"


def beside_the_papers_interval(runs: Sequence[RunResult]) -> list[str]:
    """For complete runs on Herlev's own cells: whether ours lies in the paper's interval, and the paper's in ours."""
    limits = accuracy_interval()
    right, total = right_in_all()
    texts = [f"the paper's {right}/{total} right has the 95 % interval {_text(limits)} (Wilson, ours)"]
    for label, run in zip(labels(runs), runs, strict=True):
        if run.run["dataset"].get("name") != "herlev" or run.missing_folds or run.run["protocol"] != "cell":
            continue
        truth, scores = run.pooled("labels"), run.pooled("scores")
        acc, own = binary_metrics(truth, scores)["acc"], interval(truth, scores, "acc", run.groups())
        texts.append(
            f"{label}: pooled Acc {percent(acc)} lies {place_of(acc, limits)} it; "
            f"the paper's {percent(right / total)} lies {place_of(right / total, own)} ours, {_text(own)}"
        )
    return texts


def _text(limits: tuple[float, float]) -> str:
    return f"{percent(limits[0])}-{percent(limits[1])}"
