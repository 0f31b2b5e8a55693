"""The report: everything in it, nothing from outside, harmless whatever a name holds."""

import base64
import html.parser
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.io.own_files import LIST
from deeppap.records import SplitRecord
from deeppap.report import facts, report
from deeppap.report.figures import all_figures
from deeppap.report.report import default_out, write_report
from deeppap.report.runs import named
from deeppap.scoring.results import load_run
from tests.support.checkout import ROOT, run_tool
from tests.support.records import change_scores
from tests.support.synthetic_cells import write_cell_pictures, write_heats, write_net_arrays
from tests.support.synthetic_run import write_synthetic_run

GONE = "the data set is no longer at data/phantom"
SECTIONS = ("run", "notes", "tables", "figures", "differences", "configuration")
PAPER_FIGURES = (2, 4, 5, 6, 7, 8, 9, 10, 11)


class Page(html.parser.HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def replace_everywhere(folder, old, new):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with everything a report can show, with a hostile cell id, and its report."""
    base = tmp_path_factory.mktemp("whole")
    folder = write_synthetic_run(base / "run <b>&amp;", classes=7, seed=4, cells=42, folds=(0, 2))
    scores = (folder / "fold0/scores.csv").read_text().splitlines()[1:]
    wrong = min(scores, key=lambda row: float(row.split(",")[3]) if row.split(",")[2] == "1" else 2).split(",")
    replace_everywhere(folder, wrong[0], "<script>alert(1)")
    split = json.loads((folder / "split.json").read_text())
    SplitRecord.of(*(split[name] for name in ("protocol", "seed", "dataset_sha", "folds"))).write(folder)
    text = (folder / "fold0/scores.csv").read_text()
    text = re.sub(r"(?m)^(<script>alert\(1\),\d,1),.*$", r"\1,0.125,0.01,.875,0,0,.125,0,0,0", text)
    (folder / "fold0/scores.csv").write_text(text)
    for fold in (0, 2):
        for shift in (0, 5, 10):
            change_scores(folder / f"fold{fold}", shift)
    (folder / "fold0/solver.prototxt").write_text('net: "</pre><script>alert(2)</script>"\n')
    write_cell_pictures(folder, base / "data")
    write_net_arrays(folder)
    write_heats(folder, base / "data")
    run = load_run(folder)
    return write_report([run], default_out([run])), run


@pytest.fixture
def bare(tmp_path):
    """A run whose data set is gone."""
    return load_run(write_synthetic_run(tmp_path / "bare", cells=35, folds=1))


@pytest.fixture(scope="module")
def without_pictures(tmp_path_factory):
    """Such a run, and its report with all figures that it can have."""
    base = tmp_path_factory.mktemp("without_pictures")
    run = load_run(write_synthetic_run(base / "bare", cells=35, folds=1))
    return run, write_report([run], base / "out")


def no_figures(monkeypatch):
    monkeypatch.setattr(report, "all_figures", lambda runs: ())


def test_page_has_every_section_table_and_figure(whole):
    path, run = whole
    page = Page(path.read_text(encoding="utf-8"))
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert set(SECTIONS) <= ids
    links = {link["href"] for link in page.all("a")}
    tables = {path.stem for path in (path.parent / "tables").glob("*.json")}
    figures = {f"figure-{path.stem}" for path in (path.parent / "figures").glob("*.svg")}
    assert {link[1:] for link in links if link.startswith("#")} == {*SECTIONS, *tables, *figures}
    assert all((path.parent / link).is_file() for link in links if not link.startswith("#"))
    for number in PAPER_FIGURES:
        assert f"(paper: Fig. {number})" in page.text()
    for words in (
        "ROC curve",
        "Where the score comes from",
        "Calibration",
        "number of views",
        "rotation angle",
        "Confusion matrix",
    ):
        assert words in page.text()
    assert "left out" not in page.text()
    assert len(page.all("img")) == len(page.all("figure")) == len(PAPER_FIGURES) + 6
    assert all(image["alt"] for image in page.all("img"))
    # a dark page inverts lines; a cell beside its feature maps keeps its colours, and so do filters
    kinds = {image["alt"].partition(" (")[0]: image["class"] for image in page.all("img")}
    assert (kinds["Learning"], kinds["Activations"], kinds["Filters of the first layer"]) == ("lines", "photo", "photo")
    assert {p.stem for p in (path.parent / "tables").glob("*.json")} <= ids


def test_page_states_the_limits_and_how_it_was_made(whole):
    said = Page(whole[0].read_text(encoding="utf-8")).text()
    for words in ("not a medical device", "synthetic", "folds 0,2 of 5", "cross_validate.py --profile quick"):
        assert words in said, words
    for words in ("bvlc_reference_caffenet.caffemodel", "fold0/train_val.prototxt", "fold0/deploy.prototxt"):
        assert words in said, words
    assert "<script>alert(2)</script>" in said and "run <b>&amp;" in said  # hostile names are text


def test_nothing_is_fetched_and_nothing_runs(whole):
    source = whole[0].read_text(encoding="utf-8")
    page = Page(source)
    assert len(page.all("script")) == 1  # its own, by its digest
    assert not {"link", "iframe", "object", "embed", "base", "form", "svg"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "srcset"]
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith(("#", "tables/", "figures/"))  # files beside the page
    assert not re.search(r"url\(|@import", source)
    policy = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    allowed = r"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-[\w+/]{43}='"
    assert len(policy) == 1
    assert re.fullmatch(allowed, policy[0])


def test_pictures_are_whole_and_the_page_is_small(whole):
    path = whole[0]
    assert path.stat().st_size < 10_000_000
    for image in Page(path.read_text(encoding="utf-8")).all("img"):
        kind, data = image["src"].split(";base64,")
        content = base64.b64decode(data, validate=True)
        if kind == "data:image/jpeg":
            assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) is not None
        else:
            assert kind == "data:image/svg+xml" and content.rstrip().endswith(b"</svg>")


def test_same_runs_give_the_same_bytes(whole, without_pictures, tmp_path):
    def content(path):
        return {p.relative_to(path.parent): p.read_bytes() for p in sorted(path.parent.rglob("*")) if p.is_file()}

    run, first = without_pictures
    assert content(first) == content(write_report([run], tmp_path / "out"))
    plots = [plot for plot in all_figures(named([whole[1]])) if plot.photo]  # pictures of cells too
    assert len(plots) == 6
    assert report._draw(plots[-1], tmp_path / "a") == report._draw(plots[-1], tmp_path / "b")


def test_without_the_data_set_the_report_says_so(without_pictures):
    said = Page(without_pictures[1].read_text(encoding="utf-8")).text()
    gone, right = (said.count(f": {why}.") for why in (GONE, "no scored cell was misclassified"))
    assert gone >= 4 and gone + right == 5
    assert said.count(": no fold has net_figures.npz.") == 2
    assert said.count(": no fold has heatmaps.npz.") == 1


def test_pickled_arrays_are_refused(bare):
    class Touch:
        def __reduce__(self):
            return (Path.touch, (bare.folder / "run-by-pickle",))

    np.savez(bare.folder / "fold0/net_figures.npz", conv1_after=np.array([Touch()], dtype=object))
    with pytest.raises(UserError, match="net_figures.npz"):
        write_report([bare], bare.folder / "report")
    assert not (bare.folder / "run-by-pickle").exists()


def test_runs_stand_side_by_side(bare, tmp_path, monkeypatch):
    other = load_run(write_synthetic_run(tmp_path / "field", cells=35, folds=1, protocol="field", seed=2))
    no_figures(monkeypatch)
    page = Page(write_report([bare, other], default_out([bare, other])).read_text(encoding="utf-8"))
    assert default_out([bare, other]) == tmp_path / "report-bare-field"
    assert "Protocol and folds cell; scored: fold 0 of 5 field; scored: fold 0 of 5" in page.text()
    assert "bare: pooled, fold 0 of 5" in page.text() and "field: pooled, fold 0 of 5" in page.text()


def test_a_run_without_scores_still_reports(tmp_path):
    run = load_run(write_synthetic_run(tmp_path / "new", cells=35, folds=0))
    said = Page(write_report([run], tmp_path / "out").read_text(encoding="utf-8")).text()
    assert "o fold is scored yet" in said and ": no fold is scored." in said


def test_a_folder_that_is_no_report_is_never_cleared(bare, tmp_path, monkeypatch):
    no_figures(monkeypatch)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="thesis.txt"):
        write_report([bare], precious)
    with pytest.raises(UserError, match="did not write|found a link"):
        write_report([bare], bare.folder)
    assert (precious / "thesis.txt").read_text() == "years of work" and (bare.folder / "run.json").exists()


def test_a_failure_leaves_nothing(bare, tmp_path, monkeypatch):
    no_figures(monkeypatch)
    write_report([bare], tmp_path / "out")
    write_report([bare], tmp_path / "out")  # an older report is replaced, not refused
    before = (tmp_path / "out/report.html").read_bytes()
    monkeypatch.setattr(report, "_page", lambda *_: 1 / 0)
    for name in ("out", "fresh"):
        with pytest.raises(ZeroDivisionError):
            write_report([bare], tmp_path / name)
    assert (tmp_path / "out/report.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare", "out"]


def test_differences_are_read_from_the_docs():
    columns, rows = facts.differences().columns, facts.differences().rows
    assert columns == ["What", "The paper", "Here"] and len(rows) >= 10 and all(all(row) for row in rows)


def test_the_tool_writes_it_or_names_what_is_wrong(bare, tmp_path, monkeypatch):
    no_figures(monkeypatch)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text(json.dumps({"classes": 2}))
    done = run_tool(ROOT, "report", tmp_path / "broken", status=2)
    assert done.stderr.count("\n") == 1 and "run.json" in done.stderr
    done = run_tool(ROOT, "report", bare.folder)
    assert done.stdout.splitlines()[-2] == f"report: {bare.folder / 'report/report.html'}"
    assert done.stdout.splitlines()[-1].startswith("Next: tools/train.py --data")  # not tools/release.py: a phantom's
    assert {path.name for path in (bare.folder / "report").iterdir()} == {"report.html", "tables", LIST}


def test_a_doubt_is_named_before_any_figure(tmp_path, monkeypatch):
    no_figures(monkeypatch)
    folder = write_synthetic_run(tmp_path / "run", folds=2)
    change_scores(folder / "fold1", doubt="this net knows nothing")
    page = write_report([load_run(folder)], tmp_path / "report").read_text(encoding="utf-8")
    before = page[page.index('<section id="notes">') : page.index('<section id="tables">')]
    assert before.count("old 1: this net knows nothing") == 1
