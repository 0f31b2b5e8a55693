"""Table 5 of the paper: runs on a set of one's own beside the paper's on HEMLBC."""

from collections.abc import Sequence

from deeppap.report.notes import table_notes
from deeppap.report.paper import paper
from deeppap.report.tables.performance_rows import CITED, COLUMNS, cited_row, our_rows
from deeppap.report.tables.ranges import interval_notes
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult

HEMLBC_CELLS = 1978  # paper: "HEMLBC Dataset"
TITLE = "Table 5: performance on a set of one's own (the paper's on HEMLBC)"
PRIVATE = "HEMLBC is private: our rows are other cells than the paper's"


def hemlbc_table(runs: Sequence[RunResult]) -> Table | None:
    """Runs of cells without seven classes beside the paper's on HEMLBC (paper: Table 5); None without such a run."""
    runs = [run for run in runs if not run.has_class7 and run.folds]
    if not runs:
        return None
    earlier = paper()["hemlbc_earlier"]
    cited = [
        cited_row("paper: ConvNet-T on HEMLBC", paper()["hemlbc"], HEMLBC_CELLS),
        cited_row(earlier["name"], earlier),
    ]
    ours, data = our_rows(runs)
    notes = table_notes(runs, CITED, *interval_notes(runs), PRIVATE)
    return Table("table5", TITLE, COLUMNS, [*cited, *ours], notes, {"runs": data})
