"""All tables of one or several runs, side by side."""

from collections.abc import Sequence

from evaluation.results import RunResult
from evaluation.table import Table
from evaluation.tables_beside import baseline_table, speed_table
from evaluation.tables_beyond import angle_table, calibration_table, operating_table, views_table
from evaluation.tables_classes import confusion_tables, seven_table, table4
from evaluation.tables_performance import table3, table5

BEFORE = (table3, table4, table5, seven_table)
AFTER = (baseline_table, operating_table, calibration_table, views_table, angle_table, speed_table)


def all_tables(runs: Sequence[RunResult]) -> list[Table]:
    """Every table that these runs can fill, in the report's order; the paper's own come first."""
    tables = [build(runs) for build in BEFORE] + confusion_tables(runs) + [build(runs) for build in AFTER]
    return [table for table in tables if table is not None]
