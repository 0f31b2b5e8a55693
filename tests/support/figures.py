"""What the tests of figures share: pictures of noise, and the text that a figure shows."""

import matplotlib as mpl
import numpy as np

RNG = np.random.default_rng(3)


def cell_image(height=90, width=120):
    return RNG.integers(0, 255, (height, width, 3)).astype(np.uint8)


def texts(figure):
    """All text of a figure, titles and labels too."""
    figure.canvas.draw()
    return " | ".join(item.get_text() for item in figure.findobj(mpl.text.Text) if item.get_visible())
