"""A table: for the terminal, for a spreadsheet (CSV) and for programs (JSON); how figures read in it.

`summary` is what tools print of a fold that they scored.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.classes import LABELS, in_order
from deeppap.io.errors import printable
from deeppap.io.files import write_json, write_text
from deeppap.io.names import CsvWriter
from deeppap.records import RunRecord
from deeppap.scoring.score_cells import CellScore
from deeppap.stats.by_class import macro_f1, most_likely
from deeppap.stats.intervals import Interval
from deeppap.stats.metrics import METRICS, binary_metrics, percent

Rows = list[list[Any]]
NAMES = {"sens": "Sens", "spec": "Spec", "acc": "Acc", "hmean": "H-mean", "f": "F", "auc": "AUC"}


@dataclass
class Table:
    """Rows of text and numbers under named columns."""

    name: str  # of its files, such as `table3`
    title: str  # with the paper's table number where there is one
    columns: list[str]
    rows: Rows  # of str, int, float or None, which is printed as "-"
    notes: list[str] = field(default_factory=list)  # what a reader must know before using a figure
    of_runs: list[str] = field(default_factory=list)  # the notes of its runs, with the runs that each holds for
    data: dict[str, Any] = field(default_factory=dict)  # the same figures at full precision, for the JSON file alone

    def text_rows(self) -> list[list[str]]:
        """The rows as text, ready to be shown."""
        return [[show(value) for value in row] for row in self.rows]

    def is_left(self) -> list[bool]:
        """Whether each column reads better from the left: most of its entries begin with a letter."""
        columns = zip(*self.text_rows(), strict=True)
        # a column of names with a few dashes is still one of names
        given = [[value for value in column if value not in ("", "-")] for column in columns]
        return [2 * sum(value[0].isalpha() for value in column) > len(column) for column in given]

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
        notes = [f"  * {printable(note)}" for note in (*self.notes, *self.of_runs)]
        return "\n".join([printable(self.title), "", fill(lines[0]), ruler, *map(fill, lines[1:]), *notes]) + "\n"

    def csv(self) -> str:
        """The table as CSV; notes and title are in the JSON file beside it."""
        out = io.StringIO()
        writer = CsvWriter(out)
        writer.writerow(self.columns)
        # an empty field: a program must not have to know what a dash means
        writer.writerows([["" if v is None else show(v) for v in row] for row in self.rows])
        return out.getvalue()

    def write(self, folder: Path) -> None:
        """Write `<name>.csv` and `<name>.json`, each complete or not at all."""
        write_text(Path(folder) / f"{self.name}.csv", self.csv())
        write_json(Path(folder) / f"{self.name}.json", asdict(self))


def with_notes_once(tables: Iterable[Table]) -> Iterator[Table]:
    """Tables to print one after another: notes that an earlier one had are left out."""
    said: set[str] = set()
    for table in tables:
        notes, of_runs = ([note for note in own if note not in said] for own in (table.notes, table.of_runs))
        said |= {*notes, *of_runs}
        yield replace(table, notes=notes, of_runs=of_runs)


def show(value: Any) -> str:
    """One entry as text."""
    if value is None:
        return "-"
    # four digits: more would be noise in every figure that is shown here
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def metric_text(metric: str, value: float | None) -> str:
    """A metric as the paper prints it: AUC with three decimals, the others in percent."""
    return number_text(value, 3 if metric == "auc" else None)


def number_text(value: float | None, digits: int | None = None) -> str:
    """A number with so many digits; without `digits` a fraction in percent."""
    if value is None:
        return "-"
    return percent(value) if digits is None else f"{value:.{digits}f}"


def range_text(limits: Interval, digits: int | None = None) -> str:
    """An interval, or why there is none."""
    # a string says why there is no interval
    if limits is None or isinstance(limits, str):
        return limits or "-"
    return f"{number_text(limits[0], digits)}-{number_text(limits[1], digits)}"


def with_interval(value: float | None, limits: Interval, digits: int | None = None) -> str:
    """A number with its interval in brackets."""
    text = number_text(value, digits)
    return text if value is None or limits is None else f"{text} ({range_text(limits, digits)})"


def metric_interval(metric: str, value: float | None, limits: Interval) -> str:
    """A metric with its interval, as the paper prints it."""
    return with_interval(value, limits, 3 if metric == "auc" else None)


def gain_text(metric: str, gain: tuple[float, Interval] | None) -> str:
    """By how much a metric is better, with the interval of that: AUC as such, the others in percentage points."""
    if gain is None:
        return "-"
    value, limits = gain
    between = limits if isinstance(limits, str) else " to ".join(_signed(metric, limit) for limit in limits or ())
    return f"{_signed(metric, value)} ({between})" if between else _signed(metric, value)


def _signed(metric: str, value: float) -> str:
    return f"{value:+.3f}" if metric == "auc" else f"{100 * value:+.1f}"


def summary(run: RunRecord, scores: Sequence[CellScore]) -> str:
    """Sens, Spec, Acc, H-mean, F, AUC of one fold, and how many cells of each class are right."""
    judged = [s for s in scores if s.cell.label < 2]
    metrics = binary_metrics([s.cell.label for s in judged], [s.score for s in judged])
    values = {name: percent(metrics[name]) for name in METRICS}
    if metrics["auc"] is not None:
        values["auc"] = f"{metrics['auc']:.4f}"
    texts = ", ".join(f"{NAMES[name]} {value}" for name, value in values.items())
    what = f"{run.dataset.name}, {run.protocol} protocol, profile {run.profile}, select {run.select}"
    lines = [class_table(scores).text(), f"{what}, {len(judged)} cells of one fold: {texts}"]
    if line := _class_line(scores):
        lines.append(line)
    if run.selection_caveat:
        lines.append(f"note: {run.selection_caveat}")
    return "\n".join(lines)


def class_table(scores: Sequence[CellScore]) -> Table:
    """Right per class by what each cell is called (paper: Table 4), and of a net of several by the most likely one."""
    classes = in_order((s.cell.kind, s.cell.label) for s in scores)
    told = {s.cell.kind for s in scores} <= {one.name for one in scores[0].outputs} and len(scores[0].outputs) > 2
    rows = []
    for one in classes:
        cells = [s for s in scores if (s.cell.kind, LABELS[s.cell.label]) == (one.name, one.label)]
        if not cells:
            continue
        is_right = sum(s.label == one.label for s in cells)
        row = [one.name, is_right, len(cells), percent(is_right / len(cells))]
        recall = percent(sum(s.most_likely == one.name for s in cells) / len(cells))
        rows.append([*row, one.label, recall] if told else row)
    columns = ["class", "right", "cells", "%", *(["side", "most likely is it (%)"] if told else [])]
    return Table("classes", "Right per class: called normal, abnormal or neither, as labelled", columns, rows)


def _class_line(scores: Sequence[CellScore]) -> str | None:
    """What a net of several classes is worth over all of them; None for one of two, or of other classes."""
    place = {one.name: index for index, one in enumerate(scores[0].outputs)}
    if len(place) == 2 or any(s.cell.kind not in place for s in scores):
        return None
    probs, kinds = np.array([s.prob for s in scores]), np.array([place[s.cell.kind] for s in scores])
    is_right, macro = (most_likely(probs) == kinds).mean(), macro_f1(probs, kinds)
    figures = f"most likely class right {percent(is_right)}, macro F1 {percent(macro)}"
    return f"{len(place)} classes, {len(scores)} cells: {figures}"
