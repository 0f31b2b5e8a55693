"""A learning curve's table and figure, from the run folders of its points."""

from pathlib import Path
from typing import NamedTuple

from deeppap.io.errors import UserError
from deeppap.report.figures import learning_curve as figure
from deeppap.report.figures.style import save
from deeppap.report.tables.learning_curve import learning_curve_table
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult, load_run
from deeppap.stats.learning_curve import METRICS, POINT, CurvePoint
from deeppap.stats.metrics import binary_metrics


class Curve(NamedTuple):
    """A curve's points, and the source net as it is on the same test cells; None where that is not there."""

    points: list[CurvePoint]
    before: dict[str, float | None] | None


def read_curve(home: Path, before: str) -> Curve:
    """All points of a curve that have scores; `before` is the folder of the source net's own.

    Raises
    ------
    UserError
        Where there is none.
    """
    points = []
    for folder in sorted(home.iterdir()):
        if (named := POINT.fullmatch(folder.name)) and (run := load_run(folder)).folds:
            points.append(CurvePoint(int(named[1]), int(named[2]), named[3], run))
    if not points:
        raise UserError(home, "points of a learning curve", "none", "Run tools/learning_curve.py.")
    return Curve(points, _figures(load_run(home / before)) if (home / before / "run.json").exists() else None)


def _figures(run: RunResult) -> dict[str, float | None]:
    found = binary_metrics(run.pooled("labels"), run.pooled("scores"))
    return {metric: found[metric] for metric in METRICS}


def write_curve(curve: Curve, out: Path) -> tuple[Table, Path]:
    """Write the table (CSV, JSON) and the figure (PNG, SVG) into `out`; returns the table and the figure's PNG."""
    table = learning_curve_table(curve.points, curve.before)
    table.write(out)
    return table, save(figure.draw(curve.points, curve.before), out, "learning_curve")[0]
