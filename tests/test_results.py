"""results/ is small, gives README's table and results.csv again, and the rows that pages state of its runs."""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deeppap.report.table import metric_text
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import METRICS, binary_metrics
from experiments.keep_results import BEGIN, END, write_tables
from tests.support.checkout import ROOT
from tests.support.stated import numbers

RESULTS = ROOT / "results"
KEPT = sorted(path.parent for path in RESULTS.glob("*/run.json"))
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
RUN = re.compile(r"`results/([\w.-]+)`")


def table_of(page: Path) -> list[str]:
    return page.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip().splitlines()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_readmes_table_and_results_csv_come_out_again(tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results", ignore=shutil.ignore_patterns("report", "results.csv"))
    page = ROOT / "README.md"
    (tmp_path / "README.md").write_text(f"before\n\n{BEGIN}\n\n{END}\n\nafter\n")
    write_tables(tmp_path / "results", tmp_path / "README.md")
    made, stated = table_of(tmp_path / "README.md"), table_of(page)
    assert [numbers(line) for line in made] == [numbers(line) for line in stated]
    assert len(made) > 10 and (tmp_path / "README.md").read_text().endswith("after\n")
    for new, old in zip(rows_of(tmp_path / "results/results.csv"), rows_of(RESULTS / "results.csv"), strict=True):
        assert new.keys() == old.keys() and new["run"] == old["run"]
        for name in METRICS:
            assert float(new[name]) == pytest.approx(float(old[name]), abs=1e-12), (new["run"], name)
            for limit in (f"{name}_low", f"{name}_high"):
                assert (new[limit] and round(float(new[limit]), 6)) == (old[limit] and round(float(old[limit]), 6))


def stated_rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """A page's rows of a kept run: its name, and the row's cells after the first."""
    for line in text.splitlines():
        if line.startswith("|") and (name := RUN.search(line)):
            yield name[1], [cell.strip() for cell in line.strip("| ").split("|")][1:]


def test_pages_state_the_metrics_of_every_kept_run():
    rows = [row for page in PAGES for row in stated_rows(page.read_text(encoding="utf-8"))]
    texts = {}
    for run in map(load_run, KEPT):
        metrics = binary_metrics(run.pooled("labels"), run.pooled("scores"))
        texts[run.folder.name] = [metric_text(metric, metrics[metric]) for metric in METRICS]
    for name, cells in rows:
        assert cells[: len(METRICS)] == texts[name], name
    assert {name for name, _ in rows} == {path.name for path in KEPT}


def test_results_are_small_and_hold_no_picture():
    files = [path for path in RESULTS.rglob("*") if path.is_file() and "report" not in path.parts]
    assert len(files) <= 90
    assert sum(path.stat().st_size for path in files) <= 3_000_000
    assert {path.suffix for path in files} == {".json", ".csv", ".gz", ".md"}
