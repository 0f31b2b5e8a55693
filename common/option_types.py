"""What an option's text must be, where argparse knows no such type."""

import argparse
from math import inf
from pathlib import Path


def at_least_one(text: str) -> int:
    """An option's number that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return int(text)


def above_zero(text: str) -> float:
    """An option's number that measures something."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text}")
    return value


def plain_name(text: str) -> str:
    """An option's name of a folder, which stays where such folders are."""
    if not text or text != Path(text).name or text == "..":
        raise argparse.ArgumentTypeError(f"expected a name without folders, found {text or 'nothing'}")
    return text
