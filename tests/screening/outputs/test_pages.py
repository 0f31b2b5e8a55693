"""gallery.html and summary.html: each is one file that loads nothing, holds the cells it shows, and warns."""

import base64
import hashlib
import json
import re
from functools import partial

import cv2
import numpy as np
import pytest

from deeppap.screening.cells import COLOURS
from deeppap.screening.outputs.pages import FEW
from deeppap.screening.slides.slide import Box, Damage
from tests.support.pictures import plain
from tests.support.screening import cell_at, plain_settings, plan_of, write_pages

CELLS = [cell_at(100, 80, 0.3), cell_at(300, 200, 0.95), cell_at(2, 398, 0.6, area_um2=float("nan"))]
LOST = Damage(Box(256, 0, 256, 256), "DecoderError <b>")
FAILED = Damage(Box(0, 0, 9, 9), "its <worker> died")
HOW = "sens95: threshold 0.0445 calls at least 5 of 5 abnormal test cells abnormal"
DOUBT = "uncertain: too few abnormal test cells"


def field(size=(600, 400), spot=(300, 200)):
    image = plain((size[1], size[0], 3), 220)
    cv2.circle(image, spot, 15, (40, 20, 90), -1)
    return image


@pytest.fixture
def made(tmp_path):
    """Makes a gallery, and a summary with it, of (plan, pixels, cells): the text of both."""
    return partial(write_pages, tmp_path, settings=plain_settings(folds=("runs/herlev/fold3",)))


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_the_random_order_is_offered_where_all_cells_are_shown(tmp_path, made):
    """Of the highest scores alone a random order would be no sample of the cells."""
    plan = plan_of(tmp_path / "field.png")
    texts = [made((plan, None, shown), found=CELLS)[0] for shown in (CELLS, CELLS[:2])]
    offered = [re.search('<option value="random"(.*?)</option>', text)[1] for text in texts]
    assert offered[0] == ">random"
    assert offered[1].startswith(" disabled>random (only if all")


def picture(uri):
    assert uri.startswith("data:image/jpeg;base64,")
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)


def test_cells_come_sorted_with_their_place_and_picture(tmp_path, made):
    text, _ = made((plan_of(tmp_path / "field.png"), field(), CELLS))
    data = data_of(text)
    assert [cell["score"] for cell in data["cells"]] == [0.95, 0.6, 0.3]
    highest = data["cells"][0]
    assert (highest["x"], highest["y"], highest["area"], highest["around"]) == (300, 200, 40.25, "")
    assert data["cells"][1]["area"] is None
    small = picture(highest["picture"])
    assert small.shape == (112, 112, 3)
    assert small[56, 56].max() < 130 < 200 < small[5, 5].min()  # the nucleus is in the middle
    assert picture(data["images"][0]["picture"]).shape == (400, 600, 3)
    assert "<strong>3</strong> cells" in text and "<strong>2</strong> (66.7 %)" in text
    assert text.index("not a medical device") < text.index("<h1>")
    assert len(re.findall('class="dot"', text)) == len(COLOURS)


def test_pages_load_nothing_and_say_which_net(tmp_path, made):
    pages = made((plan_of(tmp_path / "field.png"), field(), CELLS))
    for text in pages:
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
        assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
        assert not re.search(r"https?://|src=\"(?!data:)|@import|url\(", text)
        assert "herlev/fold3" in text and "abababababab" in text
        script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in text
        assert "innerHTML" not in script


def test_file_name_cannot_become_part_of_a_page(tmp_path, made):
    name = "a<script>alert(1)<&{{ data }}\n #1.png"
    images = [(plan_of(tmp_path / n), field(), [cell_at(9, 9, image=n)]) for n in (name, "b.png")]
    gallery, summary = made(*images, unreadable=[LOST])
    for text in (gallery, summary):
        assert "&lt;script&gt;alert(1)&lt;&amp;{{ data }}\\n #1.png" in text
        assert "DecoderError &lt;b&gt;" in text
    assert "alert(1)<" not in gallery.replace(json.dumps(data_of(gallery)), "")
    assert data_of(gallery)["images"][0]["name"] == "a<script>alert(1)<&{{ data }}\\n #1.png"
    assert gallery.count("<script") == 2
    assert 'href="a%3Cscript%3Ealert%281%29%3C%26%7B%7B%20data%20%7D%7D%0A%20%231/gallery.html"' in summary


def test_several_images(tmp_path, made):
    scores = {"a.png": [0.95, 0.9, 0.7, 0.69999, 0.5, 0.1], "b.png": []}
    images = []
    for name, own in scores.items():
        cells = [cell_at(50 + 20 * number, 80, score, name) for number, score in enumerate(own)]
        images.append((plan_of(tmp_path / name), field(), cells))
    gallery, summary = made(*images)
    assert '<option value="1">b.png</option>' in gallery
    assert {data_of(gallery)["images"][cell["image"]]["name"] for cell in data_of(gallery)["cells"]} == {"a.png"}
    first, second = re.findall(r"<tr><td>.*?</tr>", summary.replace("<wbr>", ""), re.S)
    columns = [
        [re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row, re.S)]
        for row in (first, second)
    ]
    assert columns[0][:5] == ["a.png", "6", "83.3 % 5", "50.0 % 3", "33.3 % 2"]
    assert columns[1][:5] == ["b.png", "0", "-", "-", "-"]
    assert (first.count("<img"), second.count("<img")) == (5, 0)
    assert 'alt="P(abnormal) 0.950 at 50, 80"' in first
    assert 'href="a/gallery.html"' in first and 'href="b/gallery.html"' in second
    assert "<strong>6</strong> cells in 2 images" in summary


@pytest.mark.parametrize("reference", [True, False])
def test_unknown_marks_do_not_look_like_none(tmp_path, made, reference):
    cells = [cell_at(100 + number, 80, 0.3, **({"ood_score": 0.5} if reference else {})) for number in range(2)]
    gallery, _ = made((plan_of(tmp_path / "field.png"), field(), cells))
    body = re.sub(r"<(style|script).*?</\1>", "", gallery, flags=re.DOTALL)
    assert [words in body for words in ('id="ood"', "dashed", "unknown")] == [reference, reference, not reference]


def test_warnings(tmp_path, made):
    plan = plan_of(tmp_path / "field.png")
    pages = made((plan, field(), CELLS), unreadable=[LOST], not_screened=[FAILED])
    for text in pages:
        assert re.search(r'class="warning">field.png: .*256, 0.*DecoderError', text)
        assert re.search(r'class="warning">field.png: 9 x 9 pixels at 0, 0 .*its &lt;worker&gt; died', text)
    assert "<strong>1</strong> could not be screened" in pages[1]


def test_large_image_is_held_by_the_surroundings_of_its_cells(tmp_path, made):
    plan = plan_of(tmp_path / "large.png", (2600, 1700))
    cells = [cell_at(1300, 800, 0.9), cell_at(3, 1699, 0.8)]
    data = data_of(made((plan, field((2600, 1700), (1300, 800)), cells))[0])
    middle, corner = data["cells"]
    assert (middle["left"], middle["top"]) == (1300 - 256, 800 - 256)
    assert (corner["left"], corner["top"]) == (0, 1700 - 512)
    around = picture(middle["around"])
    assert around.shape == (512, 512, 3)
    assert around[256, 256].max() < 130
    assert max(picture(data["images"][0]["picture"]).shape) == 480


@pytest.mark.parametrize("count", [FEW, FEW + 1])
def test_many_images_are_held_as_the_smaller_of_image_and_surroundings(tmp_path, made, count):
    """Otherwise a page of five hundred fields with a cell each holds five hundred fields."""
    images = []
    for number in range(count):
        name = f"{number}.png"
        crowd = [cell_at(100 + k, 300, 0.5, name) for k in range(0 if number else 4)]
        cells = [cell_at(700, 300, 0.9, name), *crowd]
        images.append((plan_of(tmp_path / name, (1200, 1000)), field((1200, 1000), (700, 300)), cells))
    data = data_of(made(*images)[0])
    sides = [max(picture(image["picture"]).shape) for image in data["images"]]
    assert sides == ([1200] * count if count == FEW else [1200] + [480] * FEW)
    assert [bool(cell["around"]) for cell in data["cells"]] == [
        count > FEW and cell["image"] > 0 for cell in data["cells"]
    ]
    one = next(cell for cell in data["cells"] if cell["image"] == 1)
    if one["around"]:
        assert picture(one["around"])[300 - one["top"], 700 - one["left"]].max() < 130


def test_histogram(tmp_path, made):
    scores = [0.22, 0.23, 0.24, 0.21, 0.97, 0.97]
    text, _ = made((plan_of(tmp_path / "field.png"), field(), [cell_at(9, 9, score) for score in scores]))
    bars = re.findall(r'<rect class="bar" data-low="(.*?)".* height="(.*?)".*<title>(.*?)</title>', text)
    assert len(bars) == 20
    assert {low: float(height) for low, height, _ in bars if float(height)} == {"0.200": 112, "0.950": 79.2}
    assert bars[4][2] == "0.20 to 0.25: 4 cells"


@pytest.mark.parametrize("doubt", [DOUBT, ""])
def test_a_doubted_threshold_is_doubted_where_it_is_first_named(tmp_path, doubt):
    settings = plain_settings(threshold=0.0445, threshold_said=HOW, threshold_doubt=doubt)
    plan = plan_of(tmp_path / "field.png", settings=settings)
    pages = write_pages(tmp_path, (plan, None, [cell_at(100, 60, 0.9), cell_at(200, 60, 0.01)]), settings=settings)
    for page in pages:
        before_how = page[page.index("<body") : page.index(HOW)]
        assert (DOUBT in before_how) is bool(doubt)
    assert ("abnormal from 0.0445, uncertain<" in pages[0]) is bool(doubt)
    assert ("abnormal from 0.0445<" in pages[0]) is (not doubt)
    # why a threshold is doubted changes no cell's row
    assert settings.key == plain_settings(threshold=0.0445, threshold_said=HOW).key
