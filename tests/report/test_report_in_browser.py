"""The report in a real browser: nothing is wider than its box, and the answer comes first."""

import re

import cv2
import numpy as np
import pytest

from deeppap.report.report import write_report
from deeppap.scoring.results import load_run
from tests.support.browser import TOO_WIDE, WITHOUT_NAME
from tests.support.checkout import ROOT
from tests.support.synthetic_cells import write_cell_pictures, write_heats, write_net_arrays
from tests.support.synthetic_run import write_synthetic_run


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A kept run of real cells; its figures without pictures are enough to lay out the page."""
    result = load_run(ROOT / "results/herlev-field-medium-last")
    return write_report([result], tmp_path_factory.mktemp("report") / "report")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1280, True), (390, False)])
def test_the_page_fits(page, opened, width, dark):
    view = opened(page, width, dark)
    assert view.evaluate(TOO_WIDE) == []
    assert view.evaluate(WITHOUT_NAME) == []
    # the answer stands above everything that must be scrolled to
    assert view.locator(".headline").bounding_box()["y"] < 300
    assert view.locator(".headline dd").nth(2).inner_text() == "0.985"
    for link in view.locator("a.file, figure a").all():
        assert (page.parent / link.get_attribute("href")).is_file()
    # a table that is wider than a phone scrolls in its own box; on a desk none is
    hidden = view.evaluate(
        "[...document.querySelectorAll('.wide')].filter((e) => e.scrollWidth > e.clientWidth).length"
    )
    assert bool(hidden) == (width == 390)


def test_a_table_that_goes_on_has_a_shadow_at_that_side(page, opened):
    view = opened(page, 390)
    table = view.locator(".wide:has(table)").first
    edges = []
    for place in (0, 10_000):
        table.evaluate("(box, place) => { box.scrollLeft = place; }", place)
        picture = cv2.imdecode(np.frombuffer(table.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
        edges.append([np.median(picture[:, 1]), np.median(picture[:, -2])])
    (left, right), (left_after, right_after) = edges
    assert right < left - 20 and left_after < right_after - 20


def test_a_figure_that_goes_on_has_a_shadow_at_its_right(page, opened):
    figure = opened(page, 390).locator("figure a.wide").first
    edges = []
    for place in (0, 10_000):
        figure.evaluate("(box, place) => { box.scrollLeft = place; }", place)
        figure.page.wait_for_timeout(200)  # the shadow follows a frame later
        picture = cv2.imdecode(np.frombuffer(figure.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
        edges.append(np.median(picture[:, -2]))
    assert edges[0] < edges[1] - 20


# words of a table's first column that a narrow page broke
BROKEN = """() => [...document.querySelectorAll('table.words tbody th')].flatMap((cell) => {
    const text = cell.firstChild, words = [...text.data.matchAll(/\\S+/g)];
    return words.map((word) => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return [word[0], range.getClientRects().length];
    }).filter(([word, lines]) => lines > 1 && !/[-/]/.test(word));
})"""


def test_a_phone_breaks_no_word_of_a_first_column(page, opened):
    view = opened(page, 390)
    assert view.evaluate(BROKEN) == []
    assert view.locator("table.words tbody th").count() > 10


def test_a_click_enlarges_a_figure_and_escape_closes_it(page, opened):
    view = opened(page, 1280)
    small = view.locator("#figure-calibration img")
    before = small.bounding_box()["width"]
    small.click()
    assert view.locator("#large img").bounding_box()["width"] > 1.5 * before
    view.keyboard.press("Escape")
    assert not view.locator("#large").is_visible()


def test_it_prints_on_twelve_pages(page, opened):
    printed = opened(page).pdf(format="A4")
    assert 3 < len(re.findall(rb"/Type /Page\b", printed)) <= 12


def test_a_report_with_photographs_does_too_and_the_tall_ones_get_room(tmp_path, opened):
    folder = write_synthetic_run(tmp_path / "run", classes=7, cells=84, folds=2)
    write_cell_pictures(folder, tmp_path / "data")
    write_net_arrays(folder)
    write_heats(folder, tmp_path / "data")
    view = opened(write_report([load_run(folder)], tmp_path / "report"))
    assert len(re.findall(rb"/Type /Page\b", view.pdf(format="A4"))) <= 12
    view.emulate_media(media="print")
    examples, patches = (
        view.locator(f"#figure-{name} img").bounding_box()["height"] for name in ("fig4-examples", "fig8-abnormal")
    )
    assert examples > 1.5 * patches
    # a caption is no wider than its figure, so that narrow ones stand side by side
    wide = "(e) => e.querySelector('figcaption').clientWidth <= e.querySelector('a').clientWidth + 1"
    assert all(figure.evaluate(wide) for figure in view.locator("figure").all())


@pytest.mark.parametrize(
    ("media", "dark", "light"), [("screen", False, True), ("screen", True, False), ("print", True, True)]
)
def test_figures_are_dark_on_a_dark_screen_and_white_in_print(page, opened, media, dark, light):
    view = opened(page, 1280, dark)
    view.emulate_media(media=media)
    picture = cv2.imdecode(np.frombuffer(view.locator("img.lines").first.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    corner = int(picture[:5, :5].mean())
    assert corner > 250 if light else corner < 40
