"""Herlev's seven classes in the order of the paper's Table 1."""

from typing import NamedTuple


class HerlevClass(NamedTuple):
    """One class folder of Herlev."""

    folder: str
    name: str
    label: int
    count: int


CLASSES = (
    HerlevClass("normal_superficiel", "superficial", 0, 74),
    HerlevClass("normal_intermediate", "intermediate", 0, 70),
    HerlevClass("normal_columnar", "columnar", 0, 98),
    HerlevClass("light_dysplastic", "light dysplasia", 1, 182),
    HerlevClass("moderate_dysplastic", "moderate dysplasia", 1, 146),
    HerlevClass("severe_dysplastic", "severe dysplasia", 1, 197),
    HerlevClass("carcinoma_in_situ", "carcinoma in situ", 1, 150),
)

# mask colours, RGB
NUCLEUS = (0, 0, 255)
CYTOPLASM = (0, 0, 128)
BACKGROUND = (255, 0, 0)
UNLABELLED = (128, 128, 128)
SPECK = (0, 0, 0)
