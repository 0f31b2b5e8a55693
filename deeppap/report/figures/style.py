"""One plain style for every figure: readable in print, in grey and by the colour-blind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deeppap.io.errors import printable

# Okabe and Ito's palette; line styles and markers say the same a second time
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# by label: normal, abnormal, neither
KIND_COLOURS, KIND_BACKGROUNDS = (BLUE, RED, "#777777"), ("#DCEBF7", "#FBE3D8", "#EEEEEE")
DIAGONAL = "#AAAAAA"
WIDE, NARROW = 7.2, 4.2  # inches: a text page's width, and a single panel
FEW_POINTS = 4

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E2E2E2",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "text.parse_math": False,  # a file name holding a dollar sign is no formula
    # letters as paths look the same on machines without the font
    "svg.fonttype": "path",
    "svg.hashsalt": "deeppap",  # same figure, same bytes
}


class LeftOutError(Exception):
    """A figure cannot be drawn; the message says why, as the end of 'Left out: ...'."""


@dataclass(frozen=True)
class Plot:
    """A figure of the report."""

    name: str  # of its files
    title: str
    caption: str
    draw: Callable[..., Figure]  # raises LeftOutError if there is nothing to draw
    photo: bool = False  # whether it is made of the cells' own pictures: these are embedded as JPEG, others as SVG
    true_colours: bool = False  # whether a dark page must show it in its own colours too, as every photo


def plot(
    name: str, title: str, photo: bool = False, true_colours: bool = False
) -> Callable[[Callable[..., Figure]], Plot]:
    """Make a function that draws a figure into a `Plot`, drawn in the common style; its docstring is the caption."""

    def decorate(function: Callable[..., Figure]) -> Plot:
        def draw(*args, **options) -> Figure:
            with mpl.rc_context(STYLE):  # leave matplotlib's own settings alone
                return function(*args, **options)

        return Plot(name, title, " ".join(function.__doc__.split()), draw, photo, photo or true_colours)

    return decorate


def new_figure(width: float, height: float, **options) -> Figure:
    """An empty figure of so many inches on the Agg canvas; no window system is ever asked."""
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `name`.png (200 dpi) and `name`.svg into `folder`; the same figure gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    with mpl.rc_context(STYLE):
        # without the date and the version of matplotlib
        figure.savefig(png, dpi=200, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return png, svg


def curve_style(number: int) -> dict:
    """Colour, line style and marker of the curve `number` (from 0), as options of `plot`: each tells it apart alone."""
    kinds = {"color": COLOURS, "linestyle": LINES, "marker": MARKERS}
    return {name: styles[number % len(styles)] for name, styles in kinds.items()}


def point_style(number: int, points: int) -> dict:
    """`curve_style` of a curve of so many points; fewer than four are not joined, since they show no course."""
    return curve_style(number) | ({"linestyle": "none"} if points < FEW_POINTS else {})


def percent_tick(value: float, _position: int | None = None) -> str:
    """An axis label; nothing above 100 %, where the axis leaves room for a marker."""
    return f"{round(100 * value, 3):g} %" if value <= 1.000001 else ""


def log_ticks(axes: Axes, ticks: list[int]) -> None:
    """A logarithmic x axis with these ticks alone."""
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()


def two_lines(name: str) -> str:
    """Break a long class name at the space nearest its middle, so that neighbours do not touch."""
    # labels of neighbouring classes would overlap at 7.5 points
    spaces = [index for index, letter in enumerate(name) if letter == " "]
    if len(name) < 12 or not spaces:
        return name
    at = min(spaces, key=lambda index: abs(index - len(name) / 2))
    return f"{name[:at]}\n{name[at + 1 :]}"


def clean(text: object, limit: int = 60) -> str:
    """Text from outside as a figure can draw it: printable, and shortened in the middle to `limit` characters."""
    line = printable(str(text))
    # names of cells of one field begin alike, those of several fields may end alike
    return line if len(line) <= limit else f"{line[: limit // 2]}…{line[limit // 2 + 1 - limit :]}"


def of_cells(figure: Figure, cells: Iterable[str]) -> Figure:
    """Name the cells that a figure shows, in reading order: the page says their whole names on hover."""
    figure.set_label(", ".join(map(printable, cells)))
    return figure


def stretch(values: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Map an array's own range (or `low`..`high`) linearly onto 0..1; a constant array becomes 0.5."""
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    if high <= low:
        return values * 0 + 0.5
    return ((values - low) / (high - low)).clip(0, 1)
