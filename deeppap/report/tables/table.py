"""A table: for the terminal, for a spreadsheet (CSV) and for programs (JSON)."""

import csv
import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deeppap.io.errors import printable
from deeppap.io.files import write_json, write_text


@dataclass
class Table:
    """Rows of text and numbers under named columns.

    Attributes
    ----------
    name : str
        File stem, such as `table3`.
    title : str
        One line, with the paper's table number where there is one.
    columns : list of str
    rows : list of list
        One entry per column: str, int, float or None (printed as "-").
    notes : list of str
        What a reader must know before using a figure.
    data : dict
        The same figures as plain numbers at full precision, for the JSON file alone.
    """

    name: str
    title: str
    columns: list[str]
    rows: list[list]
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: a row of {len(row)} under {len(self.columns)} columns")

    def text_rows(self) -> list[list[str]]:
        """The rows as text, ready to be shown."""
        return [[show(value) for value in row] for row in self.rows]

    def text(self) -> str:
        """Aligned plain text: title, columns, rows, notes; all but the first column to the right.

        Nothing in it can move a terminal's cursor, whatever a class or a run is called.
        """
        lines = [[printable(v) for v in row] for row in [self.columns, *self.text_rows()]]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]

        def fill(line: list[str]) -> str:
            rest = [value.rjust(width) for value, width in zip(line[1:], widths[1:], strict=True)]
            return "  ".join([line[0].ljust(widths[0]), *rest]).rstrip()

        ruler = "  ".join("-" * width for width in widths)
        notes = [f"  * {printable(note)}" for note in self.notes]
        return "\n".join([printable(self.title), "", fill(lines[0]), ruler, *map(fill, lines[1:]), *notes]) + "\n"

    def csv(self) -> str:
        """The table as CSV; notes and title are in the JSON file beside it."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([["" if v is None else show(v) for v in row] for row in self.rows])
        return out.getvalue()

    def write(self, folder: Path) -> None:
        """Write `<name>.csv` and `<name>.json`, each complete or not at all."""
        write_text(Path(folder) / f"{self.name}.csv", self.csv())
        write_json(Path(folder) / f"{self.name}.json", asdict(self))


def filled(
    name: str, title: str, columns: list[str], rows: list[list], notes: list[str], data: dict[str, Any]
) -> Table | None:
    """A table of runs, or None where it has no rows."""
    return Table(name, title, columns, rows, notes, {"runs": data}) if rows else None


def show(value: Any) -> str:
    """One entry as text."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
