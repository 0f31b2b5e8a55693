"""Types of options that argparse does not have; argparse prints a mistake with the name of the option."""

from argparse import ArgumentTypeError
from math import inf
from pathlib import Path

RENAMED = {"evening": "short", "night": "medium"}  # profiles


def at_least_one(text: str) -> int:
    """A number that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number, 1 or more, found {text or 'nothing'}")
    return int(text)


def above_zero(text: str) -> float:
    """A number that measures something."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    # `inf` and `nan` are floats too
    if not 0 < value < inf:
        raise ArgumentTypeError(f"expected a number above 0, found {text or 'nothing'}")
    return value


def plain_name(text: str) -> str:
    """The name of a folder, without the folders it lies in."""
    if not text or text != Path(text).name or text == "..":
        raise ArgumentTypeError(f"expected a name without folders, found {text or 'nothing'}")
    return text


def whole_numbers(text: str) -> list[int]:
    """Numbers with commas between them, such as "0,2"."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"expected numbers such as 0,2, found {text or 'nothing'}") from None


def centre(text: str) -> tuple[float, float]:
    """A nucleus centre "X,Y" in pixels."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"expected X,Y, found {text or 'nothing'}") from None
    return x, y


def profile(text: str) -> str:
    """A profile's name; an old name is refused with the new one."""
    if text in RENAMED:
        raise ArgumentTypeError(f"the profile {text} is now called {RENAMED[text]}")
    return text
