"""The figures of our own runs in the README and the docs are those that the score files in results/ give."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deeppap.report.table import metric_text
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import METRICS, binary_metrics
from tests.support.checkout import ROOT
from tests.support.synthetic_run import write_synthetic_run

STATED_IN = ("README.md", "docs/adapting.md", "docs/evening.md", "docs/external.md", "docs/gpu.md")
RUN = re.compile(r"`results/([\w.-]+)`")
KEPT = sorted(path.parent for path in (ROOT / "results").glob("*/run.json"))


def stated(text: str) -> Iterator[tuple[str, list[str]]]:
    """A page's rows of a kept run: its name, and the row's cells after the first."""
    for line in text.splitlines():
        if line.startswith("|") and (name := RUN.search(line)):
            yield name[1], [cell.strip() for cell in line.strip("| ").split("|")][1:]


def require_stated(text: str, results: Path) -> None:
    for name, cells in stated(text):
        run = load_run(results / name)
        metrics = binary_metrics(run.pooled("labels"), run.pooled("scores"))
        assert cells[: len(METRICS)] == [metric_text(metric, metrics[metric]) for metric in METRICS], name


def test_the_pages_say_what_the_files_give():
    text = "\n".join((ROOT / name).read_text() for name in STATED_IN)
    require_stated(text, ROOT / "results")
    assert {name for name, _ in stated(text)} == {path.name for path in KEPT}, "a kept run is stated on one of them"


def test_a_figure_that_the_files_do_not_give_is_found(tmp_path):
    write_synthetic_run(tmp_path / "a-run", cells=70)
    run = load_run(tmp_path / "a-run")
    metrics = binary_metrics(run.pooled("labels"), run.pooled("scores"))
    right = [metric_text(metric, metrics[metric]) for metric in METRICS]
    require_stated(f"| ours | {' | '.join(right)} | `results/a-run` |", tmp_path)
    with pytest.raises(AssertionError, match="a-run"):
        require_stated(f"| ours | {' | '.join(['99.9', *right[1:]])} | `results/a-run` |", tmp_path)


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_run_is_small_and_has_no_picture(kept):
    files = [path for path in kept.rglob("*") if path.is_file() and "report" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 5_000_000
    assert {path.suffix for path in files} <= {".json", ".csv", ".gz", ".prototxt", ".log", ".sha256"}
