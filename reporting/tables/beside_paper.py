"""What Tables 3 and 5 say of their intervals, and whether ours and the paper's accuracy agree."""

from collections.abc import Sequence

from measures.intervals import interval
from measures.metrics import binary_metrics, percent
from reporting.notes import labels
from reporting.paper import accuracy_interval, right_in_all
from scoring.results import RunResult

BY_GROUP = (
    "95 % intervals: whole groups of cells resampled (bootstrap, BCa where it holds); a share without any error, or "
    "without any hit, has Wilson's interval of the groups"
)
BY_CELL = (
    "95 % intervals: Wilson for Sens, Spec and Acc, else bootstrap over cells, which cannot vary where every cell is "
    "right; no groups are known, and cells are taken as independent"
)


def interval_notes(runs: Sequence[RunResult]) -> list[str]:
    """One note for each way in which these runs' intervals were made, with the runs where both ways occur."""
    ways: dict[str, list[str]] = {}
    for label, run in zip(labels(runs), runs, strict=True):
        ways.setdefault(BY_CELL if run.groups() is None else BY_GROUP, []).append(label)
    return list(ways) if len(ways) == 1 else [f"{', '.join(names)}: {way}" for way, names in ways.items()]


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
