"""The histogram in the gallery."""

import re

from deeppap.screening.outputs.histogram import histogram_svg


def test_a_bar_is_as_high_as_its_count():
    svg = histogram_svg([0, 5, 10, 0])
    heights = [float(h) for h in re.findall(r'<rect[^>]* height="([\d.]+)"', svg)]
    assert heights[0] == heights[3] == 0
    assert heights[2] == 2 * heights[1] > 50
    assert "<title>0.25 to 0.50: 5 cells</title>" in svg
    assert "10 cells" in svg


def test_no_cells_are_no_bars():
    assert set(re.findall(r'<rect[^>]* height="([\d.]+)"', histogram_svg([0] * 20))) == {"0.0"}
