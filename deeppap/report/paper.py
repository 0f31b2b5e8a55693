"""What the paper reports, from the one file that holds it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from deeppap.stats.intervals import wilson

FILE = Path(__file__).with_name("paper.json")


@cache
def paper() -> dict[str, Any]:
    """The paper's figures; shares are fractions, a missing key is a figure it does not give."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def right_in_all() -> tuple[int, int]:
    """Cells the paper has right of all of Herlev's: 901 of 917 (its Table 4)."""
    # the paper's 98.3 % is a share of these; its interval needs the counts
    right, total = (sum(column) for column in zip(*paper()["right_per_class"], strict=True))
    return right, total


def accuracy_interval() -> tuple[float, float]:
    """Wilson's 95 % interval of the paper's accuracy."""
    return wilson(*right_in_all())
