"""The report of one or several runs: one HTML page that needs nothing else; tables and figures beside it."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from tqdm import tqdm

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, write_text
from deeppap.report import facts
from deeppap.report import page as html
from deeppap.report.figures.all_figures import all_figures
from deeppap.report.figures.plan import LeftOutError, Plan, slug
from deeppap.report.figures.style import STYLE, save
from deeppap.report.notes import labels
from deeppap.report.tables.all_tables import all_tables
from deeppap.report.tables.architecture import architecture_tables
from deeppap.report.tables.table import Table
from deeppap.scoring.results import RunResult

NAME = "report.html"
OURS = {NAME, "tables", "figures"}
THUMBNAIL_DPI, JPEG_QUALITY = 130, 82
CITATION = (
    "Zhang L, Lu L, Nogues I, Summers RM, Liu S, Yao J. DeepPap: Deep Convolutional Networks for Cervical "
    "Cell Classification. IEEE Journal of Biomedical and Health Informatics, 2017."
)
WARNING = (
    '<div class="warning" role="note"><strong>This is not a medical device.</strong> It repeats a study on '
    "sorted pictures of single cells. No score here may be used to judge a patient's cells.</div>"
)


def default_out(runs: Sequence[RunResult]) -> Path:
    """`<run>/report` for one run; `report-<a>-<b>` beside the first for several."""
    if len(runs) == 1:
        return runs[0].folder / "report"
    return runs[0].folder.resolve().parent / ("report-" + "-".join(slug(run.name) for run in runs))[:200]


def write_report(runs: Sequence[RunResult], out: Path, progress: bool = False) -> Path:
    """Write report.html, tables/ and figures/ into the folder `out`, all of it or nothing.

    An older report there is replaced. The same runs give the same bytes.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UserError
        Where `out` holds anything but a report, or there is no run.
    """
    if not runs:
        raise UserError("report", "at least one run", "none", "Name a run's folder.")
    _require_replaceable(out)
    tables = [*architecture_tables(runs), *all_tables(runs)]
    with complete_or_absent(out) as partial:
        partial.mkdir()
        for table in tables:
            table.write(partial / "tables")
        plans = list(all_figures(runs))
        pictures = [
            _draw(plan, partial / "figures")
            for plan in tqdm(plans, "figures", unit="figure", disable=None if progress else True)
        ]
        write_text(partial / NAME, _page(runs, tables, pictures))
    return out / NAME


def _require_replaceable(out: Path) -> None:
    """Never clear away a folder that is no report."""
    if not out.exists() and not out.is_symlink():
        return
    held = {path.name for path in out.iterdir()} if out.is_dir() and not out.is_symlink() else {"no folder of its own"}
    if strange := sorted(held - OURS):
        raise UserError(out, "a new folder or an older report", strange[0], "Choose another folder with `out`.")


def _draw(plan: Plan, folder: Path) -> str:
    """Draw one figure, save it as PNG and SVG and give its HTML."""
    try:
        figure = plan.draw()
    except LeftOutError as reason:
        return html.absent(plan.title, plan.caption, str(reason))
    _, svg = save(figure, folder, plan.name)
    data, kind = (_jpeg(figure), "image/jpeg") if plan.photo else (svg.read_bytes(), "image/svg+xml")
    return html.picture(plan.title, plan.caption, data, kind, figure.get_figwidth())


def _jpeg(figure: Figure) -> bytes:
    out = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(out, format="jpeg", dpi=THUMBNAIL_DPI, pil_kwargs={"quality": JPEG_QUALITY})
    return out.getvalue()


def _page(runs: Sequence[RunResult], tables: Sequence[Table], pictures: Sequence[str]) -> str:
    sections = [
        ("run", "What was run", html.words_table(*facts.what_was_run(runs))),
        ("notes", "Before you read a figure", _notes(runs)),
        ("tables", "Tables", _tables(runs, tables)),
        ("figures", "Figures", "\n".join(pictures)),
        ("differences", "What differs from the paper", html.words_table(*facts.differences())),
        ("configuration", "Resolved configuration", _configuration(runs)),
    ]
    names = ", ".join(labels(runs))
    beside = "<p>The tables (CSV, JSON) and figures (PNG, SVG) lie beside this page in tables/ and figures/.</p>"
    return html.page(f"DeepPap in Caffe: {names}", sections, WARNING, f"<p>{html.text(CITATION)}</p>\n{beside}")


def _tables(runs: Sequence[RunResult], tables: Sequence[Table]) -> str:
    of_runs = {note for _, notes in facts.notes_by_run(runs) for note in notes}
    return "\n".join(html.number_table(table, of_runs) for table in tables)


def _notes(runs: Sequence[RunResult]) -> str:
    return "\n".join(f"<h3>{html.text(label)}</h3>{html.bullets(notes)}" for label, notes in facts.notes_by_run(runs))


def _configuration(runs: Sequence[RunResult]) -> str:
    parts = []
    for label, run in zip(labels(runs), runs, strict=True):
        files = facts.configuration(run)
        parts += [html.listing(f"{label}: {name}", content) for name, content in files]
        if not files:
            parts.append(f"<p>{html.text(label)}: no scored fold has prototxt files.</p>")
    return "\n".join(parts)
