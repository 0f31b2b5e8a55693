"""What to do about a listed file that is not there: its name may be written another way."""

import unicodedata
from pathlib import Path

from deeppap.io.errors import CHECK_PATH

FORMS = ("NFC", "NFD")  # an accented letter as one sign, or as a letter and its accent: what Macs give to files


def advice(path: Path) -> str:
    """One sentence or two; the common causes are told where they are the cause."""
    if "\\" in str(path):
        return "Write / between folders, not \\."
    if any(Path(unicodedata.normalize(form, str(path))).exists() for form in FORMS):
        return "One is there whose accented letters are composed otherwise (a Mac's): take its name from the folder."
    return CHECK_PATH
