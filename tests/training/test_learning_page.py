"""learning.html: what the log says so far, and that it never stops a training."""

import re

import pytest

from deeppap.training.caffe_log import LogReader
from deeppap.training.learning_page import NAME, LearningPage
from deeppap.training.resolve import Schedule
from tests.support.browser import TOO_WIDE

SCHEDULE = Schedule(100, 6, 64)
DISPLAY = "I0101 00:00:00.000000 1 solver.cpp:239] Iteration %d (1 iter/s, 1s/20 iters), loss = 0.5"


@pytest.fixture
def reader():
    found = LogReader()
    for iteration in range(0, 300, 10):
        found.loss[iteration] = 0.7 - iteration / 500
        if iteration % 100 == 0:
            found.outputs[iteration] = {"loss": 0.8 - iteration / 1000, "accuracy": 0.5 + iteration / 1000}
    found.now = 290
    return found


def test_the_page_shows_loss_and_validation_so_far(tmp_path, reader):
    page = LearningPage(tmp_path / "train.log", SCHEDULE)
    page.update(reader)
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    assert 'http-equiv="refresh"' in text
    assert [len(points.split()) for points in re.findall(r'points="([^"]*)"', text)] == [30]  # three tests are points
    assert text.count("<circle") == 6
    assert " ".join(re.findall(r"<td>([\d.]+)</td>", text)) == "0 0.8000 0.5000 100 0.7000 0.6000 200 0.6000 0.7000"
    reader.outputs[300] = {"loss": 0.9, "accuracy": 0.1}
    page.update(reader)  # sooner than the page is written again
    assert (tmp_path / NAME).read_text(encoding="utf-8") == text
    page.update(reader, "not adapted <at all>")
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    assert 'http-equiv="refresh"' not in text
    assert "<td>0.9000</td>" in text and "Not adapted &lt;at all&gt;" in text


def test_axes_have_round_ticks(tmp_path, reader):
    """600 iterations and a loss of at most 0.8: no 79 or 0.186, and each tick at its place."""
    LearningPage(tmp_path / "train.log", SCHEDULE).update(reader)
    loss, accuracy = (tmp_path / NAME).read_text(encoding="utf-8").split("<svg")[1:]
    texts = re.compile(r'<text x="([-\d.]+)" y="([-\d.]+)" text-anchor="(end|middle)">([\d,.]+)</text>')
    found = texts.findall(loss)
    assert [(float(y) - 4, text) for _, y, side, text in found if side == "end"] == [
        (240, "0"), (180, "0.2"), (120, "0.4"), (60, "0.6"), (0, "0.8"),
    ]  # fmt: skip
    assert [(float(x), text) for x, _, side, text in found if side == "middle"] == [
        (round(640 * k / 6, 1), f"{100 * k}") for k in range(7)
    ]
    shares = [text for *_, side, text in texts.findall(accuracy) if side == "end"]
    assert shares == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


@pytest.mark.parametrize(
    "start, now, seconds, done, left",
    [
        (0, 60, 90, 10, "14 min"),  # 9 times 90 s
        (400, 420, 10, 70, "90 s"),  # resumed: the pace is that of 20 iterations
        (0, 60, 1000, 10, "2.5 h"),
    ],
)
def test_the_page_says_how_much_is_left(tmp_path, monkeypatch, start, now, seconds, done, left):
    clock = iter([1000.0, 1000.0 + seconds])
    monkeypatch.setattr("deeppap.training.learning_page.time.monotonic", lambda: next(clock))
    reader, page = LogReader(), LearningPage(tmp_path / "train.log", SCHEDULE)
    reader.feed(DISPLAY % 500)  # of the log of an interrupted training, whose snapshot was before
    texts = []
    for iteration in (start, now):
        reader.feed(DISPLAY % iteration)
        page.update(reader)
        texts.append((tmp_path / NAME).read_text(encoding="utf-8"))
    assert "are left" not in texts[0]  # nothing is known of the pace yet
    assert f"<strong>{done} %</strong>" in texts[1] and f"about <strong>{left}</strong> are left" in texts[1]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_log_without_a_usable_loss_is_no_error(tmp_path, value):
    reader = LogReader()
    if value is not None:
        reader.loss[0], reader.outputs[0] = value, {"loss": value, "accuracy": 0.5}
    LearningPage(tmp_path / "train.log", SCHEDULE).update(reader)
    assert "<strong>0</strong> of 600" in (tmp_path / NAME).read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_stops_nothing(tmp_path, reader):
    (tmp_path / "file").touch()
    LearningPage(tmp_path / "file/train.log", SCHEDULE).update(reader)


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_screen(tmp_path, reader, opened, width):
    LearningPage(tmp_path / "train.log", SCHEDULE).update(reader)
    assert opened(tmp_path / NAME, width).evaluate(TOO_WIDE) == []
