"""Table 3 of the paper: our runs beside the paper's ConvNet-T and the earlier methods, on Herlev."""

from collections.abc import Sequence

from deeppap.report.notes import table_notes
from deeppap.report.paper import paper, right_in_all
from deeppap.report.tables.beside_paper import beside_the_papers_interval
from deeppap.report.tables.performance_rows import CITED, COLUMNS, cited_row, our_rows
from deeppap.report.tables.ranges import interval_notes
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult

EARLIER = "the earlier methods were judged in several ways (10-fold, leave-one-out): not strictly comparable"


def performance_table(runs: Sequence[RunResult]) -> Table | None:
    """Runs of seven-class cells beside the paper's ConvNet-T (paper: Table 3); None without such a run."""
    runs = [run for run in runs if run.has_class7 and run.folds]
    if not runs:
        return None
    ours, data = our_rows(runs)
    cells = right_in_all()[1]
    rows = [
        cited_row("paper: ConvNet-T", paper()["herlev"], cells),
        cited_row("paper: ConvNet-T, centres shifted by up to 10 px", paper()["herlev_shift10"], cells),
        *ours,
        *[cited_row(item["name"], item) for item in paper()["earlier_methods"]],
        *[cited_row(item["name"], item) for item in paper()["later"]],
    ]
    notes = table_notes(runs, CITED, EARLIER, *interval_notes(runs), *beside_the_papers_interval(runs))
    return Table("table3", "Table 3: performance (the paper's on Herlev)", COLUMNS, rows, notes, {"runs": data})
