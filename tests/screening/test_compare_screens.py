"""Two screenings compared: cells are matched by their ids, and the page shows those that changed most."""

import json
import shlex

import pytest

from deeppap.io.errors import UserError
from deeppap.io.html import data_uri, render
from deeppap.screening.compare_screens import compare_screens
from deeppap.screening.outputs.tables import writing_tables
from deeppap.screening.results import ImageResult, ScreenRecord
from tests.support.browser import TOO_WIDE
from tests.support.checkout import run_tool
from tests.support.screening import cell_at, plain_settings, plan_of

pytest.importorskip("pyarrow.parquet", reason="make slides")
BEFORE = (0.1, 0.9, 0.2, 0.8)
AFTER = (0.15, 0.95, 0.7, 0.1)


def screened(folder, scores, first=0, sha="ab" * 32, mpp=None, named=None, **settings):
    """What a screening leaves, as far as it is compared; cells are numbered from `first`.

    `named` has label and class of each cell, as a net of several classes gives them.
    """
    folder.mkdir()
    kinds = [{"label": label, "kind": kind} for label, kind in named or [("", "")] * len(scores)]
    cells = [cell_at(10 * (first + k), 20, score, **kinds[k]) for k, score in enumerate(scores)]
    with writing_tables(folder, "caffe float32", "ab" * 32, named=bool(named)) as write:
        for cell in cells:
            write(cell)
    result = ImageResult.of(plan_of(folder / "field.png"))
    result.sha256 = sha
    result.um_per_pixel = mpp or result.um_per_pixel
    ScreenRecord(plain_settings(**settings), [result]).write(folder)
    shown = json.dumps({"cells": [{"id": cell.id, "picture": "data:image/jpeg;base64,AA"} for cell in cells[:1]]})
    (folder / "gallery.html").write_text(f'<script type="application/json" id="data">{shown}</script>')
    return folder


def test_cells_that_changed_side_are_counted_and_shown_first(checkout, tmp_path):
    before, after = (
        screened(tmp_path / "a", BEFORE),
        screened(tmp_path / "b", (*AFTER, 0.5), doubts=("it learned <nothing>",)),
    )
    done = run_tool(checkout, "compare", before, after)
    counts = [int(line.rsplit(": ", 1)[1]) for line in done.stdout.splitlines()[2:6]]
    assert counts == [1, 1, 1, 1]
    # labels of an earlier round are kept
    *_, out = following = shlex.split(done.stdout.splitlines()[-1].partition(", then ")[2])
    assert following[:2] == ["tools/import_labels.py", "my_cells/"] and out == "my_cells_2"
    assert done.stdout.startswith("4 cells are in both; 0 only in") and "+0.050" in done.stdout
    text = (after / "changed.html").read_text()
    assert "t learned &lt;nothing&gt;" in text.split("<ul>")[0]  # as the gallery of the second screening says first
    assert "4 of 4 cells" in text
    rows = text.split("<tbody>")[1].split("<tr")[1:]
    assert ['class="changed"' in row for row in rows] == [True, True, False, False]
    assert "0.800" in rows[0] and "0.100" in rows[0] and "30, 20" in rows[0]
    assert sum("<img" in row for row in rows) == 1


# numbers that a narrow page broke into several lines
BROKEN = """() => [...document.querySelectorAll('td.score, td:last-child')].filter((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getClientRects().length !== 1;
}).map((cell) => cell.textContent)"""


def test_a_phone_breaks_no_number(tmp_path, opened):
    name = "8d62bc0267b58954ef9fa8e355d6ec22.png"
    row = {"image": name, "place": "1054, 314", "scores": [("0.478", "#f00"), ("0.218", "#00f")], "changed": True}
    rows = [{**row, "picture": data_uri(b"", "image/jpeg")}]
    page = render(
        "screening/outputs/changed.html",
        title="T",
        lines=["a: 1"],
        rows=rows,
        both=9,
        banners=[],
        before="a",
        after="b",
    )
    (tmp_path / "changed.html").write_text(page)
    view = opened(tmp_path / "changed.html", 1440)
    assert view.locator("table").bounding_box()["width"] > 1100
    view = opened(tmp_path / "changed.html", 390)
    assert view.evaluate(BROKEN) == [] and view.evaluate(TOO_WIDE) == []
    assert view.locator("td.score").count() == 2 and view.get_attribute("td.image", "title") == name


def test_each_screening_is_counted_by_its_own_threshold(tmp_path):
    before, after = screened(tmp_path / "a", BEFORE), screened(tmp_path / "b", BEFORE, threshold=0.15)
    counts = [int(line.rsplit(": ", 1)[1]) for line in compare_screens(before, after)[2:6]]
    assert counts == [1, 2, 1, 0]  # the cell of score 0.2 became abnormal


def test_cells_that_are_neither_are_not_counted_as_normal(tmp_path):
    normal, abnormal, junk = ("normal", "NILM"), ("abnormal", "HSIL"), ("neither", "junk")
    before = screened(tmp_path / "a", BEFORE, named=[normal, abnormal, junk, abnormal])
    after = screened(tmp_path / "b", AFTER, named=[junk, abnormal, abnormal, junk])
    counts = dict(line.rsplit(": ", 1) for line in compare_screens(before, after)[2:-2])
    wanted = {"normal before and after": "0", "abnormal before and after": "1"}
    wanted |= {"normal before, abnormal after": "0", "abnormal before, normal after": "0"}
    wanted |= {"abnormal before, neither after": "1", "neither before, abnormal after": "1"}
    assert counts == wanted | {"normal before, neither after": "1"}
    rows = (after / "changed.html").read_text().split("<tbody>")[1].split("<tr")[1:]
    assert sum('class="changed"' in row for row in rows) == 3
    plain = screened(tmp_path / "c", BEFORE)  # of a net of two classes
    assert "normal before, neither after: 1" in compare_screens(plain, before)


def test_other_images_and_other_cells_are_refused(tmp_path):
    before = screened(tmp_path / "a", BEFORE)
    with pytest.raises(UserError, match=r"field\.png"):
        compare_screens(before, screened(tmp_path / "b", BEFORE, sha="cd" * 32))
    with pytest.raises(UserError, match=r"found 0\.4 um"):  # all nuclei look larger or smaller to the net
        compare_screens(before, screened(tmp_path / "d", BEFORE, mpp=0.4))
    with pytest.raises(UserError, match="none"):
        compare_screens(before, screened(tmp_path / "c", BEFORE, first=100))
    assert not (tmp_path / "c/changed.html").exists()


@pytest.mark.parametrize("more", [{}, {"views": 7}, {"crops": 7}])
def test_other_numbers_of_views_are_told(tmp_path, more):
    before, after = screened(tmp_path / "a", BEFORE), screened(tmp_path / "b", BEFORE, **more)
    assert any("scored in" in line and " 7 " in line for line in compare_screens(before, after)) == bool(more)
