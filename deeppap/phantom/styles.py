"""What the phantom's cells look like: sizes measured on Herlev, colours of the stains."""

from typing import NamedTuple

# cytoplasm, RGB: Papanicolaou's eosin, light green and what lies between; then haematoxylin-eosin
PINK, CYAN, VIOLET, GREEN = (178, 112, 132), (112, 130, 154), (146, 134, 158), (132, 146, 142)
ROSE, LILAC = (202, 158, 178), (184, 160, 192)


class Style(NamedTuple):
    """How one class is drawn; lengths in pixels, fractions of the image's area.

    Attributes
    ----------
    height, width : int
        Medians of the image's size.
    nucleus, spread : float
        Median fraction the nucleus covers, and the standard deviation of its logarithm.
    cell : float
        Fraction that nucleus and cytoplasm cover together.
    rough, stretch : float
        How irregular the nucleus' outline and how varied its elongation is.
    colour : (int, int, int)
        The nucleus' mean colour, RGB.
    grain, contrast : float
        Size (pixels) and depth (grey levels) of the chromatin's clumps.
    stains : tuple of (colour, weight)
        The cytoplasm's colours and how often each occurs.
    rim, border : float
        Width of the unlabelled rim, relative to the cell; share of nuclei that touch the image's border.
    folded : bool
        Whether the cytoplasm is flat and creased, as in the upper layers.
    """

    height: int
    width: int
    nucleus: float
    spread: float
    cell: float
    rough: float
    stretch: float
    colour: tuple[int, int, int]
    grain: float
    contrast: float
    stains: tuple[tuple[tuple[int, int, int], float], ...]
    rim: float
    border: float
    folded: bool


_MIXED = ((VIOLET, 0.4), (CYAN, 0.3), (GREEN, 0.2), (PINK, 0.1))

# in the order of herlev_classes.CLASSES
PAP = (
    Style(
        310,
        322,
        0.0060,
        0.25,
        0.62,
        0.05,
        0.10,
        (80, 56, 90),
        1.2,
        7,
        ((PINK, 0.75), (GREEN, 0.25)),
        0.14,
        0,
        True,
    ),
    Style(
        264,
        292,
        0.0170,
        0.25,
        0.60,
        0.05,
        0.12,
        (66, 63, 102),
        1.2,
        8,
        ((CYAN, 0.8), (VIOLET, 0.2)),
        0.16,
        0,
        True,
    ),
    Style(82, 92, 0.177, 0.28, 0.56, 0.06, 0.28, (96, 88, 132), 1.3, 8, _MIXED, 0.20, 0.13, False),
    Style(150, 175, 0.166, 0.25, 0.65, 0.06, 0.14, (101, 90, 126), 1.7, 9, _MIXED, 0.06, 0.01, False),
    Style(122, 124, 0.228, 0.25, 0.64, 0.09, 0.18, (90, 83, 123), 1.9, 9, _MIXED, 0.08, 0.05, False),
    Style(88, 95, 0.302, 0.28, 0.67, 0.12, 0.26, (84, 75, 121), 1.9, 9.5, _MIXED, 0.08, 0.13, False),
    Style(81, 85, 0.421, 0.20, 0.70, 0.13, 0.22, (87, 73, 115), 2.1, 10, _MIXED, 0.10, 0.20, False),
)

_HE = ((ROSE, 0.6), (LILAC, 0.4))

# haematoxylin-eosin through a 20x objective, 0: normal, 1: abnormal (paper: "HEMLBC Dataset")
HE = (
    Style(114, 118, 0.026, 0.38, 0.58, 0.05, 0.14, (112, 92, 150), 1.0, 8, _HE, 0.10, 0, True),
    Style(104, 108, 0.062, 0.35, 0.50, 0.07, 0.24, (88, 66, 128), 1.4, 10, _HE, 0.10, 0, False),
)

PAP_BACKGROUND, HE_BACKGROUND = (186, 176, 188), (212, 205, 212)
