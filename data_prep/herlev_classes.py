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

# which outputs of a net mean abnormal, by the number of its outputs: the one owner of this rule
_ABNORMAL = {2: (1,), 7: tuple(index for index, known in enumerate(CLASSES) if known.label)}


def abnormal_outputs(classes: int) -> tuple[int, ...]:
    """The outputs of a net of 2 or 7 classes whose probabilities add up to P(abnormal)."""
    return _ABNORMAL[classes]


# mask colours, RGB
NUCLEUS = (0, 0, 255)
CYTOPLASM = (0, 0, 128)
BACKGROUND = (255, 0, 0)
UNLABELLED = (128, 128, 128)
SPECK = (0, 0, 0)
