"""The page of a screening that was judged by marked fields: tables, the FROC curve, and pictures of what was missed."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from deeppap.io.files import write_text
from deeppap.io.html import data_uri, render
from deeppap.report.figures.mosaic import Picture, Row, flow
from deeppap.report.figures.style import BLUE, WIDE, LeftOutError, new_figure, plot, save
from deeppap.report.table import Table, range_text, with_interval
from deeppap.screening.cells import ABNORMAL
from deeppap.screening.outcomes import NOT_CALLED, NOT_FOUND, FieldOutcome, Finding
from deeppap.stats.froc import Froc
from deeppap.stats.intervals import mean_interval, share_interval, units_of

TEMPLATE = "report/templates/screened.html"
RATES = (1, 2, 5, 10, 20, 50)  # false calls a field at which the curve is read off
MOST = 40  # pictures of one kind of miss
AROUND_UM = 26.0  # a picture's side: what the net sees of a cell
SIDE = 96  # pixels that it is shown at


def group_of(outcome: FieldOutcome) -> str:
    """Fields of one group are resampled together."""
    return outcome.field.group or outcome.field.name


def sensitivity_table(outcomes: Sequence[FieldOutcome]) -> Table:
    """Of each class: marks, how many were found, and how many were called abnormal."""
    marks = [(finding, group_of(one)) for one in outcomes for finding in one.findings]
    kinds: dict[str, list[tuple[Finding, str]]] = {}
    for finding, group in marks:
        kinds.setdefault(finding.label, []).append((finding, group))
    named = [(label, kinds[label]) for label in sorted(kinds, key=lambda k: (kinds[k][0][0].abnormal, k))]
    named += [("all abnormal", [m for m in marks if m[0].abnormal]), ("all", marks)]
    rows = []
    for label, members in named:
        if not members:
            continue
        groups = [group for _, group in members]
        found, called = ([test(f) for f, _ in members] for test in (lambda f: f.found, lambda f: f.score >= ABNORMAL))
        shares = [with_interval(sum(hit) / len(hit), share_interval(hit, groups)) for hit in (found, called)]
        rows.append([label, len(members), sum(found), shares[0], sum(called), shares[1]])
    columns = ["class", "marked", "found", "found (%)", "called abnormal", "called abnormal (%)"]
    notes = [
        "95 % intervals: whole groups of fields are resampled",
        f"called abnormal: a score of {ABNORMAL:g} or more",
    ]
    return Table("sensitivity", "Marked cells that were found and called", columns, rows, notes)


def false_calls_table(outcomes: Sequence[FieldOutcome]) -> Table:
    """Cells that were called abnormal where no abnormal cell is marked, a field and per 1,000 detected cells."""
    cells, groups = np.array([one.cells for one in outcomes]), [group_of(one) for one in outcomes]
    rows = []
    for name, scores in (
        ("on normal marks", [one.on_normal for one in outcomes]),
        ("without a mark", [one.unmarked for one in outcomes]),
        ("both", [one.false_scores for one in outcomes]),
    ):
        calls = np.array([(each >= ABNORMAL).sum() for each in scores])
        a_field = f"{calls.mean():.2f} ({range_text(mean_interval(calls, groups), 2)})"
        rows.append([name, int(calls.sum()), a_field, 1000 * float(calls.sum()) / max(int(cells.sum()), 1)])
    columns = ["false calls", "number", "a field (95 %)", "per 1,000 detected cells"]
    note = (
        f"{len(outcomes)} fields, {cells.sum()} detected cells; where marks are incomplete, the rows are upper bounds"
    )
    return Table("false_calls", "Cells called abnormal where none is marked", columns, rows, [note])


def headline(sensitivity: Table, false_calls: Table) -> list[tuple[str, str, str]]:
    """The figures that answer first: name, value, and interval or why there is none."""
    said = {}
    for row in sensitivity.rows:
        if row[0] == "all abnormal":
            said |= {"Abnormal cells found, %": row[3], "Found and called abnormal, %": row[5]}
    said["False calls a field"] = false_calls.rows[-1][2]
    parts = {name: text.partition(" (") for name, text in said.items()}
    return [(name, value, limits.rstrip(")")) for name, (value, _, limits) in parts.items()]


def froc_of(outcomes: Sequence[FieldOutcome]) -> Froc:
    """The FROC curve of all fields together."""
    unit = units_of([group_of(one) for one in outcomes], len(outcomes))
    marks = [[f.score for f in one.findings if f.abnormal] for one in outcomes]
    false = [one.false_scores for one in outcomes]
    return Froc(
        marks=np.concatenate([np.array(m, np.float64) for m in marks]),
        mark_unit=np.repeat(unit, [len(m) for m in marks]),
        false=np.concatenate(false),
        false_unit=np.repeat(unit, [len(f) for f in false]),
        fields=np.bincount(unit),
    )


def froc_table(froc: Froc) -> Table:
    """The curve read off at a few rates of false calls."""
    values = froc.sensitivity(RATES)
    shares = [None if np.isnan(value) else float(value) for value in values]
    intervals = froc.intervals(RATES)
    rows = [[rate, with_interval(s, i)] for rate, s, i in zip(RATES, shares, intervals, strict=True)]
    note = "the threshold is the lowest that makes no more false calls in these very fields"
    return Table(
        "froc", "Sensitivity at a rate of false calls", ["false calls a field", "sensitivity (%)"], rows, [note]
    )


@plot("froc", "FROC curve")
def froc_curve(froc: Froc) -> Figure:
    """Share of the marked abnormal cells that are found and called, against false calls a field, at every threshold.
    Bars: 95 % intervals, whole groups of fields resampled.
    """
    if not len(froc.marks):
        raise LeftOutError("no abnormal cell is marked")
    figure = new_figure(WIDE, 3.4, layout="constrained")
    axes = figure.subplots()
    rates, found = froc.curve()
    axes.step(np.maximum(rates, 1 / froc.fields.sum()), found, where="post", color=BLUE)
    values = froc.sensitivity(RATES)
    for rate, value, limits in zip(RATES, values, froc.intervals(RATES), strict=True):
        if isinstance(limits, tuple):
            axes.plot([rate, rate], limits, color=BLUE, linewidth=1)
            axes.plot([rate], [value], "o", color=BLUE)
    axes.set(xscale="log", ylim=(0, 1.01), xlabel="false calls a field", ylabel="sensitivity")
    axes.xaxis.set_major_formatter("{x:g}")
    return figure


@plot("missed", "Missed abnormal cells", photo=True)
def missed(outcomes: Sequence[FieldOutcome], mpp: float) -> Figure:
    """Marked abnormal cells that were not called abnormal, each in the middle of its picture. First those that were not
    found, then those that were found and not called abnormal, by rising score.
    """
    rows = []
    for kind in (NOT_FOUND, NOT_CALLED):
        found = [f for one in outcomes for f in one.findings if f.abnormal and f.outcome == kind]
        found = sorted(found, key=lambda f: (f.score, f.field.name, f.y, f.x))
        shown = [found[i] for i in np.linspace(0, len(found) - 1, min(MOST, len(found))).round().astype(int)]
        if shown:
            some = f", {MOST} of them shown" if len(found) > MOST else ""
            pictures = [Picture(_picture(f, mpp), f"{f.label}\n{_score_text(f)}") for f in shown]
            rows.append(Row(f"{kind}: {len(found)}{some}", pictures))
    if not rows:
        raise LeftOutError("none was missed")
    return flow(rows, WIDE, 0.62 / SIDE)


def _score_text(finding: Finding) -> str:
    return f"P {finding.score:.2f}" if finding.found else "-"


@cache
def _pixels(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return image[..., ::-1]


def _picture(finding: Finding, mpp: float) -> np.ndarray:
    """What lies about a mark, uint8 (SIDE, SIDE, 3) RGB; black beyond the field."""
    scale = SIDE * mpp / AROUND_UM
    middle = (SIDE - 1) / 2
    matrix = np.array([[scale, 0, middle - scale * finding.x], [0, scale, middle - scale * finding.y]])
    return cv2.warpAffine(_pixels(finding.field.path), matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)


def write_screened_report(
    folder: Path, title: str, outcomes: Sequence[FieldOutcome], mpp: float, facts: Sequence[tuple[str, str]]
) -> list[Table]:
    """Write report.html, tables/ and figures/ into a folder; returns the tables.

    `facts` are names and values of what was run, `mpp` the fields' micrometres a pixel.
    """
    froc = froc_of(outcomes)
    tables = [sensitivity_table(outcomes), false_calls_table(outcomes)]
    if len(froc.marks):
        tables.append(froc_table(froc))
    for table in tables:
        table.write(folder / "tables")
    figures = []
    for each, given in ((froc_curve, (froc,)), (missed, (outcomes, mpp))):
        try:
            drawn = each.draw(*given)
        except LeftOutError as reason:
            figures.append((each, "", str(reason)))
            continue
        png, _ = save(drawn, folder / "figures", each.name)
        figures.append((each, data_uri(png.read_bytes(), "image/png"), ""))
    _pixels.cache_clear()
    page = render(TEMPLATE, title=title, tables=tables, figures=figures, facts=facts, headline=headline(*tables[:2]))
    write_text(folder / "report.html", page)
    return tables
