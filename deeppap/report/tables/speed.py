"""Time to score one cell, beside the paper's."""

from collections.abc import Sequence

from deeppap.report.notes import scored, table_notes
from deeppap.report.paper import paper
from deeppap.report.tables.table import Table, filled
from deeppap.scoring.results import RunResult
from deeppap.stats.speed import seconds_by_device

COLUMNS = ["run", "device", "crops a cell", "seconds a cell", "crops a second"]


def speed_table(runs: Sequence[RunResult]) -> Table | None:
    """One row a run and device (paper: "Computational Speed"); None where no run was timed."""
    rows, data = [_cited_row()], {}
    for label, run in scored(runs):
        for device, speed in seconds_by_device(run).items():
            data.setdefault(label, {})[device] = speed
            seconds, crops = speed["seconds_per_cell"], speed["crops"]
            rows.append([label, device, f"{crops:g}", f"{seconds:.3g}", f"{crops / seconds:.0f}"])
    return filled("speed", "Time to score one cell", COLUMNS, rows if data else [], table_notes(runs), data)


def _cited_row() -> list:
    known = paper()["speed"]
    crops, seconds = known["views"] * known["crops"], known["seconds_per_cell"]
    return ["paper (cited)", known["device"], crops, f"{seconds:g}", f"{crops / seconds:.0f}"]
