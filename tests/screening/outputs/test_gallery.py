"""gallery.html: one file that loads nothing, holds the cells it shows, and warns where it must."""

import base64
import hashlib
import json
import re

import cv2
import numpy as np
import pytest

from deeppap.screening.outputs.gallery import FEW, Gallery
from deeppap.screening.parts import Part
from deeppap.screening.result import ImageResult
from deeppap.screening.slides.field_image import FieldImage
from deeppap.screening.slides.slide import Box, Damage
from tests.support.screening import cell_at, plan_of

CELLS = [cell_at(100, 80, 0.3), cell_at(300, 200, 0.95), cell_at(2, 398, 0.6, area_um2=float("nan"))]


@pytest.fixture
def page(tmp_path):
    """Makes a page of (plan, image, cells) and hands back its text and its data."""

    def make(*images, damages=(), undone=()):
        gallery, results = Gallery(len(images)), []
        for plan, pixels, cells in images:
            cv2.imwrite(plan.image, pixels)
            result = ImageResult(plan, undone=dict(undone))
            result.add_part(Part(cells, tuple(damages)))
            for cell in cells:
                result.add(cell)
            gallery.add_image(plan, FieldImage(plan.image), cells)
            results.append(result)
        gallery.write(tmp_path / "gallery.html", results)
        text = (tmp_path / "gallery.html").read_text(encoding="utf-8")
        return text, json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])

    return make


def picture(uri):
    assert uri.startswith("data:image/jpeg;base64,")
    return cv2.imdecode(np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)


def field(size=(600, 400), spot=(300, 200)):
    image = np.full((size[1], size[0], 3), 220, np.uint8)
    cv2.circle(image, spot, 15, (40, 20, 90), -1)
    return image


def test_the_cells_come_sorted_with_their_place_and_their_picture(tmp_path, page):
    text, data = page((plan_of(tmp_path / "field.png"), field(), CELLS))
    assert [cell["score"] for cell in data["cells"]] == [0.95, 0.6, 0.3]
    worst = data["cells"][0]
    assert (worst["x"], worst["y"], worst["area"], worst["around"]) == (300, 200, 40.25, "")
    assert data["cells"][1]["area"] is None
    small = picture(worst["picture"])
    assert small.shape == (112, 112, 3)
    assert small[56, 56].max() < 130 < 200 < small[5, 5].min()  # the nucleus is in the middle
    assert picture(data["images"][0]["picture"]).shape == (400, 600, 3)
    assert "<strong>3</strong> cells in 1 image, <strong>2</strong> (66.7 %)" in text
    assert "Not a medical device." in text
    assert text.index("Not a medical device.") < text.index("<h1>")


def test_the_page_loads_nothing_and_runs_its_own_script_alone(tmp_path, page):
    text, _ = page((plan_of(tmp_path / "field.png"), field(), CELLS))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    script = re.search(r"<script>(.*?)</script>", text, re.S)[1]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?://|src=\"(?!data:)|@import|url\(", text)
    assert "innerHTML" not in script


def test_a_file_name_cannot_become_part_of_the_page(tmp_path, page):
    name = "a<script>alert(1)<&@@DATA@@\n.png"
    plans = [plan_of(tmp_path / name), plan_of(tmp_path / "b.png")]
    text, data = page(
        *((p, field(), [cell_at(9, 9, image=p.name)]) for p in plans), damages=[Damage(Box(0, 0, 9, 9), "<b>")]
    )
    assert "alert(1)<" not in text.replace(json.dumps(data), "")
    assert "&lt;script&gt;alert(1)&lt;&amp;@@DATA@@\\n.png" in text
    assert data["images"][0]["name"] == "a<script>alert(1)<&@@DATA@@\\n.png"
    assert text.count("<script") == 2
    assert "&lt;b&gt;" in text


def test_two_images_can_be_told_apart(tmp_path, page):
    images = [
        (plan_of(tmp_path / f"{n}.png"), field(), [cell_at(50, 60, s, f"{n}.png")]) for n, s in (("a", 0.2), ("b", 0.9))
    ]
    text, data = page(*images)
    assert [data["images"][cell["image"]]["name"] for cell in data["cells"]] == ["b.png", "a.png"]
    assert '<option value="1">b.png</option>' in text


def test_what_could_not_be_read_is_said(tmp_path, page):
    plan = plan_of(tmp_path / "field.png")
    lost = Damage(Box(256, 0, 256, 256), "DecoderError")
    text, _ = page((plan, field(), CELLS), damages=[lost], undone=[(Box(0, 0, 9, 9), "its worker died")])
    assert re.search(r'class="warning">field.png: .*256, 0.*DecoderError', text)
    assert re.search(r'class="warning">field.png: 9 x 9 pixels at 0, 0 were not screened: its worker died', text)


def test_no_cell_is_a_page_that_says_so(tmp_path, page):
    text, data = page((plan_of(tmp_path / "field.png"), field(), []))
    assert data["cells"] == []
    assert "no nucleus was found" in text


def test_of_a_large_image_only_the_surroundings_are_held(tmp_path, page):
    plan = plan_of(tmp_path / "large.png", (2600, 1700))
    cells = [cell_at(1300, 800, 0.9), cell_at(3, 1699, 0.8)]
    _, data = page((plan, field((2600, 1700), (1300, 800)), cells))
    middle, corner = data["cells"]
    assert (middle["left"], middle["top"]) == (1300 - 256, 800 - 256)
    assert (corner["left"], corner["top"]) == (0, 1700 - 512)
    around = picture(middle["around"])
    assert around.shape == (512, 512, 3)
    assert around[256, 256].max() < 130
    assert max(picture(data["images"][0]["picture"]).shape) == 480


def test_of_many_images_each_is_held_as_the_smaller_of_itself_and_its_cells_surroundings(tmp_path, page):
    """Else a page of five hundred fields, a cell or two of each, holds five hundred fields."""

    def data_of(count):
        plans = [plan_of(tmp_path / f"{k}.png", (1200, 1000)) for k in range(count)]
        cells = [cell_at(700, 300, 0.9, f"{k}.png") for k in range(count)]
        crowd = [cell_at(100 + k, 300, 0.5, "0.png") for k in range(4)]
        images = [(plan, field((1200, 1000), (700, 300)), [cell]) for plan, cell in zip(plans, cells, strict=True)]
        return page((*images[0][:2], [cells[0], *crowd]), *images[1:])[1]

    few, many = data_of(FEW), data_of(FEW + 1)
    assert all(image["whole"] for image in few["images"]) and not any(cell["around"] for cell in few["cells"])
    assert [image["whole"] for image in many["images"]] == [True] + [False] * FEW
    assert [bool(cell["around"]) for cell in many["cells"]] == [cell["image"] > 0 for cell in many["cells"]]
    one = next(cell for cell in many["cells"] if cell["image"] == 1)
    assert picture(one["around"])[300 - one["top"], 700 - one["left"]].max() < 130
    assert max(picture(many["images"][1]["picture"]).shape) == 480 < max(picture(many["images"][0]["picture"]).shape)
