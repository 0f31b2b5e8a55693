"""A figure on its way into the report: to be drawn, or left out with the reason."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from deeppap.report.notes import labels
from deeppap.scoring.results import RunResult

NO_VIEWS = "no run has view_scores.csv"  # why a figure of single views is left out


class LeftOutError(Exception):
    """A figure cannot be drawn; the message says why, as the end of 'Left out: ...'."""


@dataclass(frozen=True)
class Plan:
    """A figure to draw.

    Attributes
    ----------
    name : str
        File stem, unique in a report.
    title : str
        Begins with the paper's figure number where there is one.
    caption : str
    draw : callable
        Gives the Figure, or raises `LeftOutError`.
    photo : bool
        True where it is made of the cells' own pictures, to be embedded as JPEG and not as SVG.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    photo: bool = False


def slug(text: str) -> str:
    """A run's name as the part of a file name or of an HTML id."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:60] or "run"


def plan_of_run(
    runs: Sequence[RunResult],
    number: int,
    name: str,
    title: str,
    caption: str,
    draw: Callable[[], Figure],
    photo: bool = False,
) -> Plan:
    """A figure of the run `number` alone; among several runs its name and title say which."""
    if len(runs) == 1:
        return Plan(name, title, caption, draw, photo)
    name, title = f"{name}-{number + 1}-{slug(runs[number].name)}", f"{title} ({labels(runs)[number]})"
    return Plan(name, title, caption, draw, photo)
