"""All tables of one or several runs, side by side."""

from collections.abc import Iterator, Sequence

from deeppap.report.tables.adapting import adapting_table
from deeppap.report.tables.against_baselines import against_baselines_table
from deeppap.report.tables.angles import angles_table
from deeppap.report.tables.baselines import baselines_table
from deeppap.report.tables.calibration import calibration_table
from deeppap.report.tables.comparison import comparison_table
from deeppap.report.tables.confusion import confusion_tables
from deeppap.report.tables.hemlbc import hemlbc_table
from deeppap.report.tables.operating_point import operating_point_table
from deeppap.report.tables.own_classes import own_classes_table
from deeppap.report.tables.performance import performance_table
from deeppap.report.tables.right_per_class import right_per_class_table
from deeppap.report.tables.seven_classes import seven_classes_table
from deeppap.report.tables.speed import speed_table
from deeppap.report.tables.table import Table
from deeppap.report.tables.views import views_table
from deeppap.scoring.results import RunResult

BEFORE = (performance_table, right_per_class_table, hemlbc_table, own_classes_table, seven_classes_table)
AFTER = (
    adapting_table,
    comparison_table,
    baselines_table,
    against_baselines_table,
    operating_point_table,
    calibration_table,
    views_table,
    angles_table,
    speed_table,
)


def all_tables(runs: Sequence[RunResult]) -> list[Table]:
    """Every table that these runs can fill, in the report's order; the paper's own come first."""
    return list(tables_of(runs))


def tables_of(runs: Sequence[RunResult]) -> Iterator[Table]:
    """The same, each made when it is asked for: intervals take their time."""
    for build in BEFORE:
        yield from _filled(build(runs))
    yield from confusion_tables(runs)
    for build in AFTER:
        yield from _filled(build(runs))


def _filled(table: Table | None) -> list[Table]:
    return [] if table is None else [table]
