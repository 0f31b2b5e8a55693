"""How a table shows a figure's 95 % interval, and the note that says how the intervals were made."""

from collections.abc import Sequence

from deeppap.report.notes import scored
from deeppap.scoring.results import RunResult
from deeppap.stats.metrics import percent
from deeppap.stats.resampling import Limits

BY_GROUP = (
    "95 % intervals: whole groups of cells resampled (bootstrap, BCa where it holds); a share without any error, or "
    "without any hit, has Wilson's interval of the groups; '-' or none where no resampling can vary a figure"
)
BY_CELL = (
    "95 % intervals: Wilson for shares of cells, else bootstrap over cells, '-' or none where no resampling "
    "can vary a figure; no groups are known, and cells are taken as independent"
)


def interval_notes(runs: Sequence[RunResult]) -> list[str]:
    """One note for each way in which these runs' intervals were made, with the runs where both ways occur."""
    ways: dict[str, list[str]] = {}
    for label, run in scored(runs):
        ways.setdefault(BY_CELL if run.groups() is None else BY_GROUP, []).append(label)
    return list(ways) if len(ways) == 1 else [f"{', '.join(names)}: {way}" for way, names in ways.items()]


def shown(value: float | None, limits: Limits | None, digits: int | None = None) -> str:
    """A figure with its interval behind it: a share in percent, or a number of so many `digits`."""

    def text(number: float | None) -> str:
        return "-" if number is None else percent(number) if digits is None else f"{number:.{digits}f}"

    return text(value) if value is None or limits is None else f"{text(value)} ({text(limits[0])}-{text(limits[1])})"
