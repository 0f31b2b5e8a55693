"""What adapting has bought, in one picture: each net's sensitivity, specificity and AUC with their intervals."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deeppap.report.figures.plan import Plan
from deeppap.report.figures.style import WIDE, clean, curve_style, new_figure, styled
from deeppap.report.notes import scored
from deeppap.report.tables.adapting import KINDS
from deeppap.scoring.results import RunResult
from deeppap.stats.adapting import Adapting, Net, adapting

TITLE = "Before and after adapting"
CAPTION = (
    "Sensitivity and specificity at 0.5, and the area under the curve, of each net on the same held-out cells; the "
    "bars are 95 % intervals over whole groups. The adapted net comes last."
)
PANELS = {"sens": "sensitivity", "spec": "specificity", "auc": "AUC"}


def plans(runs: Sequence[RunResult]) -> list[Plan]:
    """A figure for each adapted run that stands beside others on its cells."""
    found = adapting(scored(runs))
    names = [f"adapting-{number + 1}" if len(found) > 1 else "adapting" for number in range(len(found))]
    return [Plan(name, TITLE, CAPTION, lambda one=one: draw(one)) for name, one in zip(names, found, strict=True)]


@styled
def draw(found: Adapting) -> Figure:
    """Draw a panel for each measure, one line a net."""
    nets = found.nets
    figure = new_figure(WIDE, 0.9 + 0.45 * len(nets), layout="constrained")
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (metric, name) in zip(panels, PANELS.items(), strict=True):
        for number, net in enumerate(nets):
            _point(axes, net, metric, number)
        axes.set(title=name, ylim=(len(nets) - 0.5, -0.5), xlim=(-0.02, 1.02))
    panels[0].set_yticks(range(len(nets)), [_label(net) for net in nets])
    return figure


def _point(axes: Axes, net: Net, metric: str, number: int) -> None:
    value, limits = net.values[metric], net.limits[metric]
    if value is None:
        return
    style = curve_style(number)
    if limits:
        axes.plot(limits, (number, number), color=style["color"], linewidth=2, alpha=0.6)
    axes.plot(value, number, style["marker"], color=style["color"], markersize=6)
    axes.annotate(f"{value:.3f}", (value, number), (0, 6), textcoords="offset points", ha="center", fontsize=7)


def _label(net: Net) -> str:
    return KINDS.get(net.kind) or clean(net.label, 30)
