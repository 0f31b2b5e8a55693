"""All tables of one or several runs, side by side."""

from collections.abc import Sequence

from reporting.tables.baselines import baseline_table, speed_table
from reporting.tables.beyond_paper import angle_table, calibration_table, operating_table, views_table
from reporting.tables.classes import confusion_tables, seven_table, table4
from reporting.tables.comparison import comparison_table
from reporting.tables.own_classes import own_classes_table
from reporting.tables.performance import table3, table5
from reporting.tables.table import Table
from scoring.results import RunResult

BEFORE = (table3, table4, table5, own_classes_table, seven_table)
AFTER = (comparison_table, baseline_table, operating_table, calibration_table, views_table, angle_table, speed_table)


def all_tables(runs: Sequence[RunResult]) -> list[Table]:
    """Every table that these runs can fill, in the report's order; the paper's own come first."""
    tables = [build(runs) for build in BEFORE] + confusion_tables(runs) + [build(runs) for build in AFTER]
    return [table for table in tables if table is not None]
