"""The figures of a benchmark: printed as one table, written as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from deeppap.io.files import write_json


@dataclass(frozen=True)
class Figure:
    """One measured figure: the median of several rounds, with the smallest and the largest."""

    group: str
    name: str
    value: float
    unit: str
    low: float
    high: float
    rounds: int


def figure(group: str, name: str, values: Sequence[float], unit: str) -> Figure:
    """A figure of the values that the rounds gave."""
    return Figure(group, name, float(median(values)), unit, float(min(values)), float(max(values)), len(values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """All figures, a line each."""
    names = [f"{f.group}: {f.name}" for f in figures]
    width = max(map(len, names), default=0)
    lines = [f"{'':{width}}  {'median':>9}  {'lowest':>9}  {'highest':>9}"]
    for name, f in zip(names, figures, strict=True):
        numbers = "  ".join(f"{_number(value):>9}" for value in (f.value, f.low, f.high))
        lines.append(f"{name:{width}}  {numbers}  {f.unit}")
    return "\n".join(lines)


def write(path: Path, machine: dict, figures: Sequence[Figure]) -> None:
    """Write machine and figures as JSON."""
    write_json(path, {"machine": machine, "figures": [asdict(f) for f in figures]})
