"""The report of one or several runs: one HTML page that needs nothing else; tables and figures beside it."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from deeppap.io.files import complete_or_absent, write_text
from deeppap.io.html import data_uri, render
from deeppap.io.own_files import note_written, require_all_own
from deeppap.io.progress import progress
from deeppap.report import facts
from deeppap.report.figures import all_figures, slug
from deeppap.report.figures.style import STYLE, LeftOutError, Plot, save
from deeppap.report.headline import headline
from deeppap.report.net_files import ensure_net_files
from deeppap.report.runs import BY_CELL, BY_GROUP, Run, interval_notes, named
from deeppap.report.table import Table
from deeppap.report.tables import all_tables
from deeppap.report.tables.architecture import architecture_tables
from deeppap.scoring.results import RunResult

NAME = "report.html"
TEMPLATE, SCRIPT = "report/templates/report.html", "report/templates/report.js"
# a page of photographs stays below 10 MB
JPEG_DPI, JPEG_QUALITY = 130, 82
TALL = 0.85  # height over width from which on photographs get more of a printed page
CITATION = (
    "Zhang L, Lu L, Nogues I, Summers RM, Liu S, Yao J. DeepPap: Deep Convolutional Networks for Cervical "
    "Cell Classification. IEEE Journal of Biomedical and Health Informatics, 2017."
)


class ShownFigure(NamedTuple):
    """A figure as the page shows it: its picture as a URI and the width in inches, or why it is left out."""

    title: str
    caption: str
    name: str = ""
    picture: str = ""
    kind: str = ""  # "photo" or "lines", which a dark page may show in other colours
    width: float = 0
    tall: bool = False  # about as high as it is wide, or higher: small where all figures are equally high
    cells: str = ""  # their names, in reading order
    left_out: str = ""


def default_out(runs: Sequence[RunResult]) -> Path:
    """`<run>/report` for one run; `report-<a>-<b>` beside the first for several."""
    if len(runs) == 1:
        return runs[0].folder / "report"
    return runs[0].folder.resolve().parent / ("report-" + "-".join(slug(run.name) for run in runs))[:200]


def write_report(results: Sequence[RunResult], out: Path, show_progress: bool = False) -> Path:
    """Write report.html, tables/ and figures/ into the folder `out`, complete or not at all; returns the page.

    An older report there is replaced. The same runs give the same bytes.

    Raises UserError if `out` holds anything but an older report.
    """
    # refuse before anything long is begun
    require_all_own(out)
    for result in results:
        ensure_net_files(result)
    runs = named(results)
    # tables first: a broken run fails in them before time is spent on figures
    tables = [*all_tables(runs), *architecture_tables(runs)]
    with complete_or_absent(out) as partial:
        partial.mkdir()
        for table in tables:
            table.write(partial / "tables")
        bar = progress(list(all_figures(runs)), "figures", unit="figure", disable=not show_progress)
        figures = [_draw(plot, partial / "figures") for plot in bar]
        write_text(partial / NAME, _page(runs, tables, figures))
        note_written(partial)
    return out / NAME


def _draw(plot: Plot, folder: Path) -> ShownFigure:
    """Draw one figure and save it as PNG and SVG."""
    try:
        figure = plot.draw()
    except LeftOutError as reason:
        return ShownFigure(plot.title, plot.caption, plot.name, left_out=str(reason))
    _, svg = save(figure, folder, plot.name)
    # lines are sharp and small as SVG; photographs are not
    picture = data_uri(_jpeg(figure), "image/jpeg") if plot.photo else data_uri(svg.read_bytes(), "image/svg+xml")
    kind = "photo" if plot.true_colours else "lines"
    width, height = figure.get_size_inches().tolist()
    tall = plot.photo and height > TALL * width
    return ShownFigure(plot.title, plot.caption, plot.name, picture, kind, width, tall, figure.get_label())


def _jpeg(figure: Figure) -> bytes:
    out = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(out, format="jpeg", dpi=JPEG_DPI, pil_kwargs={"quality": JPEG_QUALITY})
    return out.getvalue()


def _page(runs: Sequence[Run], tables: Sequence[Table], figures: Sequence[ShownFigure]) -> str:
    return render(
        TEMPLATE,
        script=SCRIPT,
        title=f"DeepPap in Caffe: {', '.join(run.label for run in runs)}",
        runs=runs,
        headlines=[headline(run) for run in runs],
        interval_notes=interval_notes(runs),
        # said once for the whole page, and by each table in its own file
        is_of_intervals=lambda note: note.endswith((BY_CELL, BY_GROUP)),
        what_was_run=facts.what_was_run(runs),
        tables=tables,
        figures=figures,
        differences=facts.differences(),
        configuration=[(run.label, facts.configuration(run.result)) for run in runs],
        citation=CITATION,
    )
