"""summary.html: a row an image; what was left out is said; a name stays a name; nothing is loaded."""

import re

import cv2
import numpy as np
import pytest

from deeppap.screening.outputs.summary import Summary
from deeppap.screening.parts import Part
from deeppap.screening.result import ImageResult
from deeppap.screening.slides.field_image import FieldImage
from deeppap.screening.slides.slide import Box, Damage
from tests.support.screening import cell_at, plan_of


@pytest.fixture
def page(tmp_path):
    """Makes a page of (name, scores, tiles given up, damages) and hands back its text."""

    def make(*images):
        summary = Summary()
        for name, scores, undone, damages in images:
            plan = plan_of(tmp_path / name)
            cv2.imwrite(plan.image, np.full((400, 600, 3), 220, np.uint8))
            cells = [cell_at(50 + 20 * number, 80, score, name) for number, score in enumerate(scores)]
            result = ImageResult(plan, undone=undone)
            result.add_part(Part(cells, damages))
            for cell in cells:
                result.add(cell)
            summary.add_image(result, FieldImage(plan.image), cells, f"{name[:-4]}/gallery.html")
        summary.write(tmp_path / "summary.html")
        return (tmp_path / "summary.html").read_text(encoding="utf-8")

    return make


def cells_of(row):
    return [re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", row)]


def test_a_row_an_image(page):
    text = page(("a.png", [0.95, 0.9, 0.7, 0.69999, 0.5, 0.1], {}, ()), ("b.png", [], {}, ()))
    first, second = re.findall(r"<tr><td>.*?</tr>", text)
    assert cells_of(first)[:5] == ["a.png", "6", "83.3 % 5", "50.0 % 3", "33.3 % 2"]
    assert cells_of(second)[:5] == ["b.png", "0", "-", "-", "-"]
    assert (first.count("<img"), second.count("<img")) == (5, 0)
    assert 'alt="P(abnormal) 0.950 at 50, 80"' in first
    assert [re.search('href="(.*?)"', row)[1] for row in (first, second)] == ["a/gallery.html", "b/gallery.html"]
    assert re.findall(r'<th scope="col">(.*?)</th>', text)[2:5] == ["0.5 or more", "0.7 or more", "0.9 or more"]
    assert "<strong>6</strong> cells in 2 images." in text
    assert text.index("Not a medical device.") < text.index("<h1>")


def test_what_was_not_screened_is_said(page):
    lost = (Damage(Box(256, 0, 256, 256), "DecoderError"),)
    text = page(
        ("a.png", [0.2], {Box(0, 0, 9, 9): "its <worker> died"}, ()), ("b.png", [], {}, lost), ("c.png", [], {}, ())
    )
    assert "of which <strong>2</strong> could not be screened as a whole" in text
    assert re.search(r'class="warning">a.png: 9 x 9 pixels at 0, 0 were not screened: its &lt;worker&gt; died', text)
    assert re.search(r'class="warning">b.png: .*DecoderError', text)


def test_a_file_name_is_text_and_a_working_link(page):
    text = page(("a <b>&@@ROWS@@ #1.png", [0.2], {}, ()))
    assert "a &lt;b&gt;&amp;@@ROWS@@ #1.png</a>" in text
    assert 'href="a%20%3Cb%3E%26%40%40ROWS%40%40%20%231/gallery.html"' in text
    assert "<script" not in text and not re.search(r"https?://|src=\"(?!data:)|@import|url\(", text)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in text
