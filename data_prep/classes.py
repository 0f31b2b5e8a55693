"""The class names that people give to cervical cells, and whether each is normal, abnormal or neither."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from data_prep.herlev_classes import CLASSES as HERLEV
from deeppap.io.errors import FieldError
from deeppap.records import RunRecord

NORMAL, ABNORMAL, NEITHER = "normal", "abnormal", "neither"
LABELS = (NORMAL, ABNORMAL, NEITHER)  # a cell's `label` is its place here
LEAVE_OUT = "-"
THRESHOLD = 0.5  # P(abnormal) at or above it is called abnormal (paper: "Evaluation Methods")
HERLEV_TOO = {  # what others call Herlev's seven classes
    "superficial": "normal superficial, superficial squamous epithelial",
    "intermediate": "intermediate squamous epithelial",
    "columnar": "columnar epithelial",
    "light dysplasia": "mild dysplasia, mild dysplastic",
    "moderate dysplasia": "",
    "severe dysplasia": "",
    "carcinoma in situ": "CIS, squamous cell carcinoma in situ",
}


@dataclass(frozen=True)
class CellClass:
    """A class: its name in every table, its label, and other spellings of the name."""

    name: str
    label: str
    spellings: tuple[str, ...] = field(default=(), compare=False)


def _class(name: str, label: str, spellings: str = "") -> CellClass:
    return CellClass(name, label, tuple(filter(None, spellings.split(", "))))


CLASSES = (
    _class("normal", NORMAL, "benign, healthy"),
    _class("abnormal", ABNORMAL, "dysplastic, malignant, cancer"),
    _class("neither", NEITHER),
    # the Bethesda system; CRIC's six are the first of them, and RIVA's eight are among these too
    _class(
        "NILM",
        NORMAL,
        "negative, negative for intraepithelial lesion, negative for intraepithelial lesion or malignancy",
    ),
    _class("ASC-US", ABNORMAL, "atypical squamous cells of undetermined significance, atypical squamous cells"),
    _class(
        "LSIL", ABNORMAL, "low grade, low grade squamous intraepithelial lesion, low grade SIL, LGSIL, CIN 1, CIN I"
    ),
    _class("ASC-H", ABNORMAL, "atypical squamous cells cannot exclude HSIL, ASC-US cannot exclude HSIL"),
    _class(
        "HSIL",
        ABNORMAL,
        "high grade, high grade squamous intraepithelial lesion, high grade SIL, HGSIL, "
        "CIN 2, CIN 3, CIN II, CIN III, CIN 2/3, CIN II/III",
    ),
    _class("SCC", ABNORMAL, "squamous cell carcinoma, invasive squamous cell carcinoma, SQCC, SqCa, SCA"),
    _class("AGC", ABNORMAL, "AGC-NOS, AGC-FN, AGC favor neoplastic, AGUS, atypical glandular cells"),
    _class("AIS", ABNORMAL, "adenocarcinoma in situ, endocervical adenocarcinoma in situ"),
    _class("adenocarcinoma", ABNORMAL, "ADC, AdCa, endocervical adenocarcinoma"),
    _class("endocervical", NORMAL, "ENDO, endocervical cell, glandular"),
    *(_class(one.name, (NORMAL, ABNORMAL)[one.label], f"{one.folder}, {HERLEV_TOO[one.name]}") for one in HERLEV),
    # SIPaKMeD's five
    _class("superficial-intermediate", NORMAL, "im_Superficial-Intermediate"),
    _class("parabasal", NORMAL, "im_Parabasal, basal, parabasal cell"),
    _class("koilocytotic", ABNORMAL, "im_Koilocytotic, koilocyte, koilocytosis"),
    _class("dyskeratotic", ABNORMAL, "im_Dyskeratotic, dyskeratocyte"),
    # benign, but much of the literature on SIPaKMeD counts it as abnormal: only the user can say which is meant
    _class("metaplastic", NEITHER, "im_Metaplastic, squamous metaplasia, metaplasia"),
    # no squamous or glandular cell at all
    _class(
        "inflammatory",
        NEITHER,
        "INFL, inflammation, leukocyte, leucocyte, white blood cell, WBC, neutrophil, granulocyte, "
        "lymphocyte, histiocyte, macrophage, immune cells",
    ),
    _class(
        "organism",
        NEITHER,
        "trichomonas, trichomonas vaginalis, candida, candida albicans, fungus, fungi, yeast, "
        "flora, bacteria, lactobacilli, actinomyces",
    ),
    _class(
        "junk",
        NEITHER,
        "debris, artefact, artifact, fold, folded, mucus, blood, red blood cell, RBC, "
        "erythrocyte, not a cell, background, other",
    ),
)


# squamous cells of the Bethesda system as screening sorts them: no lesion, low grade, high grade
GRADES = {"NILM": ("NILM",), "low": ("ASC-US", "LSIL"), "high": ("ASC-H", "HSIL", "SCC")}


def _key(name: str) -> str:
    """A name without what spellings differ in: case, accents' composition, blanks, hyphens, a plural s, `cell`."""
    # these signs are no spelling: HSIL? is not sure, <CIN2 and CIN2- are less than CIN 2
    letters = re.sub(r"_|[^\w?<≤-]|-(?!$)", "", unicodedata.normalize("NFKC", name).casefold().strip())
    letters = letters[:-1] if letters.endswith("s") and len(letters) > 4 else letters
    return letters.removesuffix("cell") or name.strip()  # "+" is a name too


KNOWN = {_key(spelling): known for known in CLASSES for spelling in (known.name, *known.spellings)}


PLAIN = CLASSES[:2]  # of a set that names no classes, and the outputs of a net of two classes
SEVEN = tuple(KNOWN[_key(one.name)] for one in HERLEV)


def known_class(name: str) -> CellClass | None:
    """The class of that name in any spelling; None for a name that the table lacks.

    A name of two parts, such as `LSIL/CIN1` or `HSIL (CIN 2/3)`, is known if both parts mean the same class.
    """
    if found := KNOWN.get(_key(name)):
        return found
    for marks in ("[()]", "/"):
        parts = [part for part in re.split(marks, name) if part.strip()]
        classes = {known_class(part) for part in parts} if len(parts) > 1 else set()
        if len(classes) == 1:
            return classes.pop()
    return None


def in_order(classes: Iterable[tuple[str, int]]) -> tuple[CellClass, ...]:
    """The classes of cells, given as (name, label) of each: normal ones first, each label's in the table's order.

    Herlev's seven are a set of their own: where all cells are of these, all seven are given.
    """
    found = set(classes)
    if found <= set(zip((one.name for one in SEVEN), (one.label for one in HERLEV), strict=True)):
        return SEVEN
    place = {known.name: number for number, known in enumerate(CLASSES)}
    ordered = sorted(found, key=lambda one: (one[1], place.get(one[0], len(place)), one[0]))
    return tuple(CellClass(name, LABELS[label]) for name, label in ordered)


def outputs_of(run: RunRecord) -> tuple[CellClass, ...]:
    """What each output of a run's net stands for, in their order: the one owner of this rule."""
    if run.classes == "own":
        return tuple(CellClass(output.name, output.label) for output in run.outputs)
    return SEVEN if run.classes == 7 else PLAIN


def outputs_with(label: str, outputs: Sequence[CellClass]) -> list[int]:
    """The outputs whose classes have a label: of the abnormal ones the probabilities add up to P(abnormal)."""
    return [index for index, output in enumerate(outputs) if output.label == label]


def grades_of(classes: Sequence[CellClass]) -> dict[str, list[int]]:
    """Places of each grade's classes, without grades that have none; empty for less than two grades."""
    found = {grade: [i for i, one in enumerate(classes) if one.name in names] for grade, names in GRADES.items()}
    found = {grade: places for grade, places in found.items() if places}
    return found if len(found) > 1 else {}


def class_text(kind: str, outputs: Sequence[CellClass]) -> str | int:
    """A cell's class as the score files have it: Herlev's number or nothing, of a net of own classes the name."""
    if outputs not in (PLAIN, SEVEN):
        return kind
    return next((index for index, one in enumerate(SEVEN) if one.name == kind), "")


class ClassTable:
    """The classes of one data set: the table above, with what a user said of his own names.

    `said` is `NAME=CLASS` separated by commas. CLASS is a known class; or `normal`, `abnormal` or `neither`, which keep
    the name and give it that label; or `-`, which leaves the cells of this name out.

    Raises FieldError where `said` is not of that form.
    """

    def __init__(self, said: str = ""):
        self.said: dict[str, tuple[str, CellClass | None]] = {}  # by key: the name as the user wrote it, and its class
        for part in filter(None, (part.strip() for part in said.split(","))):
            name, equals, target = (word.strip() for word in part.rpartition("="))
            if not (name and equals and target):
                do = 'Write, for instance, "Normal=NILM,junk=-".'
                raise FieldError("classes", "NAME=CLASS, separated by commas", part, do)
            self.said[_key(name)] = name, self._target(name, target)

    @staticmethod
    def _target(name: str, target: str) -> CellClass | None:
        if target == LEAVE_OUT:
            return None
        if target.lower() in LABELS:
            known = known_class(name)
            return CellClass(known.name if known else name, target.lower())
        if (known := known_class(target)) is None:
            names = ", ".join([*LABELS, *(one.name for one in CLASSES[3:]), LEAVE_OUT])
            raise FieldError("classes", f"one of {names}", target, f"Say what {name} is by one of these.")
        return known

    def find(self, name: str) -> CellClass | None:
        """The class of a name in the data; None where its cells are to be left out.

        Raises KeyError for a name that neither the table nor the user knows.
        """
        key = _key(name)
        if key in self.said:
            return self.said[key][1]
        if (known := known_class(name)) is None:
            raise KeyError(name)
        return known

    def speaks_of(self, name: str) -> bool:
        """Whether the user said what a name means."""
        return _key(name) in self.said

    def unused(self, names: Mapping[str, int]) -> list[str]:
        """The names that the user spoke of and that the data, whose names these are, does not have."""
        return [name for key, (name, _) in self.said.items() if key not in set(map(_key, names))]
