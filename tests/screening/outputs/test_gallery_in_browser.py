"""The gallery as a labelling desk, in a real browser: by keyboard alone, kept over a reload, saved and read again."""

import csv
import io
import re

import pytest

from tests.support.browser import INSIDE, TOO_WIDE, WITHOUT_NAME, until
from tests.support.screening import cell_at, plain_settings, plan_of, write_pages

SCORES = (0.95, 0.8, 0.52, 0.3, 0.1)
NAME = 'a long name, "quoted", of a field.png'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The gallery of five cells of one field; the last is out of distribution."""
    folder = tmp_path_factory.mktemp("gallery")
    cells = [
        cell_at(100 + 90 * k, 60 + 70 * k, score, NAME, ood_score=2.0 if k == 4 else 0.5)
        for k, score in enumerate(SCORES)
    ]
    settings, ranks = plain_settings(not_adapted=("not adapted <here>",)), {cells[2].id: 0, cells[4].id: 1}
    write_pages(folder, (plan_of(folder / NAME), None, cells), settings=settings, ranks=ranks)
    return folder / "gallery.html", cells


def saved(view) -> list[dict]:
    with view.expect_download() as download:
        view.click("#save")
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))


def progress(view) -> list[int]:
    """How many are labelled, and not saved; how many of these are normal or abnormal, and how many the net calls so."""
    return [int(number) for number in re.findall(r"\d+", view.inner_text("#progress"))]


def test_labels_by_keyboard_are_kept_saved_and_read_again(page, opened, tmp_path):
    path, cells = page
    view = opened(path)
    view.fill("#who", "Dr. Ohm")
    view.keyboard.press("Tab")
    view.focus(".cell >> nth=0")
    for key in ("a", "5", "n", "j", "ArrowRight", "n", "u"):
        view.keyboard.press(key)
    # 0.95 abnormal, 0.8 HSIL, 0.52 normal against the net, 0.3 junk, 0.1 normal and undone
    assert progress(view) == [4, 4, 3, 2]
    view.wait_for_timeout(500)  # the browser takes in what a page keeps a moment later, on a busy machine
    view.reload()
    assert progress(view) == [4, 4, 3, 2]
    rows = saved(view)
    assert [(row["id"], row["class"]) for row in rows] == [
        (cell.id, name) for cell, name in zip(cells, ("abnormal", "HSIL", "normal", "junk"), strict=False)
    ]
    first = rows[0]
    assert (first["image"], first["x"], first["y"], first["labelled_by"]) == (NAME, "100", "60", "Dr. Ohm")
    assert len(first["image_key"]) == 16
    view.select_option("#labelled", "against")
    assert view.inner_text("#count") == "1 of 5 shown"
    # an older file: its later label wins, the earlier one does not
    text = "id,class,labelled_by,labelled_at,x,y\n"
    text += f"{cells[0].id},NILM,B,2099-01-01T00:00:00Z,1,2\n{cells[1].id},NILM,B,2000-01-01T00:00:00Z,1,2\n"
    (tmp_path / "labels.csv").write_text(text)
    # the cells.csv of an import calls its places otherwise
    (tmp_path / "cells.csv").write_text(text.replace("x,y", "nucleus_x,nucleus_y"))
    view.set_input_files("#older", tmp_path / "cells.csv")
    until(view, "document.getElementById('said').textContent.startsWith('No labels found')")
    view.set_input_files("#older", tmp_path / "labels.csv")
    until(view, "document.getElementById('said').textContent.startsWith('1 labels read')")
    assert [row["class"] for row in saved(view)] == ["NILM", "HSIL", "normal", "junk"]


def test_orders_filters_and_the_dialog(page, opened):
    path, cells = page
    view = opened(path)

    def scores():
        return [float(text.split()[0]) for text in view.locator(".cell:visible > span").all_inner_texts()]

    assert scores() == list(SCORES)
    called = [text.split()[1] for text in view.locator(".cell > span").all_inner_texts()]
    assert called == ["abnormal"] * 3 + ["normal"] * 2
    assert view.inner_text(".banner") == "Not adapted <here>"
    # the threshold lies between the bars below it and those from it on
    at = view.locator("#threshold line").bounding_box()["x"]
    below, above = (view.locator(f".bar[data-low='{low}']").bounding_box() for low in ("0.450", "0.500"))
    assert below["x"] + below["width"] < at < above["x"]
    view.select_option("#order", "uncertain")
    assert scores() == [0.52, 0.3, 0.8, 0.1, 0.95]
    view.select_option("#order", "chosen")
    assert scores() == [0.52, 0.1]
    view.select_option("#order", "random")
    by_id = [cell.score for cell in sorted(cells, key=lambda cell: cell.id)]
    assert scores() == by_id and by_id not in ([*SCORES], [*SCORES[::-1]])
    view.select_option("#order", "highest")
    view.select_option("#ood", "only")
    assert scores() == [0.1]
    view.select_option("#ood", "")
    view.focus(".cell:visible >> nth=0")
    view.keyboard.press("Enter")
    until(view, "document.getElementById('drawn').getAttribute('viewBox') === '0 0 600 400'")
    assert view.get_attribute("#outline", "points").startswith("95.5,55.5 ")
    view.keyboard.press("+")
    assert view.evaluate("document.getElementById('large').clientWidth") == 1200
    view.keyboard.press("j")
    assert view.inner_text("#facts").startswith("2 of 5")
    view.keyboard.press("Escape")
    assert progress(view) == [1, 1]
    # the next key labels the cell that was shown last, not the one that was opened first
    view.keyboard.press("n")
    assert progress(view) == [2, 2, 1, 0]
    view.select_option("#labelled", "no")
    assert scores() == [0.52, 0.3, 0.1]
    view.focus(".cell:visible >> nth=0")
    view.keyboard.press("s")
    for state, wanted in (("no", [0.3, 0.1]), ("skipped", [0.52]), ("yes", [0.95, 0.8]), ("against", [0.8])):
        view.select_option("#labelled", state)
        assert scores() == wanted
    view.select_option("#ood", "only")
    assert view.inner_text("#count") == "0 of 5 shown: no cell matches"


def test_without_a_reference_the_cells_are_shown_and_filtered_all_the_same(tmp_path, opened):
    cells = [cell_at(100 + 90 * k, 60, score, NAME) for k, score in enumerate(SCORES)]
    write_pages(tmp_path, (plan_of(tmp_path / NAME), None, cells))
    view = opened(tmp_path / "gallery.html")
    assert view.inner_text("#count") == "5 of 5 shown"
    view.select_option("#labelled", "yes")
    assert view.inner_text("#count") == "0 of 5 shown: no cell matches"


def test_a_key_labels_no_cell_that_nobody_chose(page, opened):
    view = opened(page[0])
    ring = "getComputedStyle(document.querySelector('.cell[aria-current]')).outlineStyle"

    def pressed():
        view.keyboard.press("n")
        view.locator("#bar .key", has_text="abnormal").first.click()
        assert view.inner_text("#said") == "Choose a cell first."
        assert view.inner_text("#progress").startswith("0 labelled")
        assert view.locator(".cell[aria-current]").count() == 0

    pressed()
    view.keyboard.press("ArrowLeft")
    assert view.locator(".cell").nth(0).get_attribute("aria-current") == "true"
    assert view.evaluate(ring) == "solid"
    view.select_option("#order", "uncertain")
    view.evaluate("document.activeElement.blur()")
    pressed()
    view.focus(".cell:visible >> nth=1")
    view.focus("#order")  # the cell stays chosen, with its ring
    view.locator("#bar .key", has_text="abnormal").first.click()
    assert view.inner_text("#progress").startswith("1 labelled")
    assert view.locator(".cell[aria-current]").count() == 1
    view.reload()
    view.keyboard.press("n")
    assert view.inner_text("#progress").startswith("1 labelled")


def test_labels_that_are_not_saved_are_counted(page, opened):
    view = opened(page[0])
    view.click("#save")
    assert "o labels yet" in view.inner_text("#said")
    view.focus(".cell >> nth=0")
    for key in ("s", "a", "n"):
        view.keyboard.press(key)
    assert progress(view)[:2] == [2, 2] and view.inner_text("#said") == ""
    assert len(saved(view)) == 2
    assert view.inner_text("#progress").startswith("2 labelled; ")
    assert '"your name" is empty' in view.inner_text("#said")
    view.focus(".cell >> nth=2")
    view.keyboard.press("a")  # another label in place of the saved one
    assert progress(view)[:2] == [2, 1] and view.inner_text("#said") == ""
    assert len(saved(view)) == 2
    assert view.inner_text("#said").startswith("Saved") and "name" not in view.inner_text("#said")
    view.keyboard.press("u")  # which the file does not have
    assert progress(view)[:2] == [2, 1] and view.inner_text("#said") == ""
    view.reload()
    assert progress(view)[:2] == [2, 1]


def test_the_field_view_has_the_keys_and_shows_the_labels(page, opened):
    view = opened(page[0])
    view.focus(".cell >> nth=0")
    view.keyboard.press("Enter")
    keys = view.locator("dialog .key:visible")
    assert keys.count() == view.locator(".key").count() > 9
    assert "± 0.050" in view.inner_text("#facts")
    view.keyboard.press("End")
    view.keyboard.press("s")
    assert view.inner_text("#facts").startswith("5 of 5")
    assert view.inner_text("dialog #said") == "That was the last cell."
    view.keyboard.press("u")
    view.keyboard.press("Home")
    view.keyboard.press("a")  # moves on to the second cell, and says what the first got
    assert view.inner_text("#state .label") == ""
    assert "Cell 1: label: abnormal" in view.inner_text("#state")
    view.locator("dialog .key", has_text="HSIL").click()
    view.keyboard.press("ArrowLeft")
    assert view.inner_text("#facts").startswith("2 of 5")
    assert view.inner_text("#state .label") == "label: HSIL"
    assert view.locator(".key[aria-pressed=true]").inner_text().split() == ["5", "HSIL"]
    view.keyboard.press("u")
    assert view.inner_text("#state .label") == "" and view.locator(".key[aria-pressed=true]").count() == 0
    view.keyboard.press("Escape")
    view.wait_for_selector("#bar .key")  # the keys go back when the browser says that the field is closed
    assert view.locator("#bar .key:visible").count() == view.locator(".key").count()
    view.locator("#bar .key", has_text="normal").first.click()
    assert view.inner_text("#progress").startswith("2 labelled")


@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_the_keys_stay_in_sight_and_cover_no_current_cell(tmp_path, opened, width):
    cells = [cell_at(60 + 4 * k, 60 + k, k / 120) for k in range(120)]
    write_pages(tmp_path, (plan_of(tmp_path / "field.png"), None, cells))
    view = opened(tmp_path / "gallery.html", width)
    view.focus(".cell >> nth=0")
    for key in ("End", "a", *["ArrowUp"] * 4):
        view.keyboard.press(key)
        keys, cell = view.locator("#keys").bounding_box(), view.locator(".cell:focus").bounding_box()
        assert keys["y"] >= 0
        assert keys["y"] + keys["height"] <= cell["y"]
        assert cell["y"] + cell["height"] <= 900
    assert view.evaluate("scrollY") > 300
    assert view.locator("#progress").bounding_box()["y"] < 300
    view.locator("#undo").click()
    assert view.inner_text("#progress") == "0 labelled."


@pytest.mark.parametrize("width", [1280, 390])
def test_the_facts_of_the_field_view_are_not_squeezed(page, opened, width):
    view = opened(page[0], width)
    view.click(".cell >> nth=0")
    assert view.locator("#facts").bounding_box()["width"] > 0.6 * width
    assert view.evaluate(INSIDE, "#one") == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_small_map_does_not_cover_a_cell_in_a_corner(tmp_path, opened, width):
    write_pages(tmp_path, (plan_of(tmp_path / "field.png"), None, [cell_at(585, 385, 0.9), cell_at(15, 385, 0.8)]))
    view = opened(tmp_path / "gallery.html", width)
    view.click(".cell >> nth=0")
    view.keyboard.press("+")
    view.keyboard.press("+")
    for _ in range(2):
        nucleus, small = view.locator("#outline").bounding_box(), view.locator("#map").bounding_box()
        assert nucleus["y"] > small["y"]  # as low as the map, but not behind it
        assert nucleus["x"] > small["x"] + small["width"] or nucleus["x"] + nucleus["width"] < small["x"]
        view.keyboard.press("ArrowRight")


def test_the_gallery_of_one_image_shares_its_labels_with_that_of_all(tmp_path, opened):
    images, all_cells = [], []
    for name in "ab":
        (tmp_path / name).mkdir()
        plan = plan_of(tmp_path / f"{name}.png", image_sha=name * 64)
        cells = [cell_at(100 + 90 * k, 60, score, plan.name) for k, score in enumerate((0.9, 0.2))]
        write_pages(tmp_path / name, (plan, None, cells))
        images.append((plan, None, cells[:1]))
        all_cells += cells
    write_pages(tmp_path, *images)
    view = opened(tmp_path / "a/gallery.html")
    view.focus(".cell >> nth=0")
    view.keyboard.press("a")
    view.keyboard.press("n")  # of a cell that the gallery of all does not show
    view.goto((tmp_path / "b/gallery.html").as_uri())
    assert view.inner_text("#progress") == "0 labelled."
    view.goto((tmp_path / "gallery.html").as_uri())
    assert view.inner_text("#progress").startswith("2 labelled")
    view.focus(".cell >> nth=1")
    view.keyboard.press("j")
    wanted = [(0, "abnormal", "0.9"), (2, "junk", "0.9"), (1, "normal", "0.2")]
    found = [(row["id"], row["class"], row["p_abnormal"]) for row in saved(view)]
    assert found == [(all_cells[k].id, *said) for k, *said in wanted]
    view.goto((tmp_path / "b/gallery.html").as_uri())
    assert view.inner_text("#progress").startswith("1 labelled")


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """The summary of three images, one of them without a cell, by a net that is doubted."""
    folder, images = tmp_path_factory.mktemp("summary"), []
    for name, scores in {"field 10.png": (0.9, 0.2), "field 9.png": (0.95, 0.8, 0.6), "empty.png": ()}.items():
        marked = {"ood_score": 2.0} if name == "field 9.png" else {}
        cells = [cell_at(100 + 90 * k, 60, score, name, **marked) for k, score in enumerate(scores)]
        images.append((plan_of(folder / name), None, cells))
    write_pages(folder, *images, settings=plain_settings(doubts=("it learned nothing",)))
    return folder / "summary.html"


def test_a_heading_sorts_the_summary(summary, opened):
    view = opened(summary)
    assert "t learned nothing" in view.inner_text(".banner")
    assert view.locator("p > strong").all_inner_texts()[-2:] == ["5", "4"]  # cells, and those called abnormal
    for heading, wanted in (
        ("cells", ["field 9.png", "field 10.png", "empty.png"]),
        ("cells", ["empty.png", "field 10.png", "field 9.png"]),
        ("image", ["empty.png", "field 9.png", "field 10.png"]),
        ("out of distribution", ["field 9.png", "empty.png", "field 10.png"]),
        ("highest scores", ["field 9.png", "field 10.png", "empty.png"]),
    ):
        view.click(f"th button:text-is('{heading}')")
        assert view.locator("td:first-child a").all_inner_texts() == wanted


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_nothing_is_too_wide_and_every_control_has_a_name(page, summary, opened, width, dark):
    for path in (page[0], summary):
        view = opened(path, width, dark)
        assert view.evaluate(TOO_WIDE) == []
        assert view.evaluate(WITHOUT_NAME) == []
