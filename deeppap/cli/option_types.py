"""What an option's text must be, where argparse knows no such type; a mistake is one line, as any other."""

from collections.abc import Callable
from math import inf
from pathlib import Path

from deeppap.io.errors import UserError


def at_least_one(option: str) -> Callable[[str], int]:
    """An option's number that counts something."""

    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) < 1:
            raise UserError(option, "1 or more", text or "nothing", "Give a whole number.")
        return int(text)

    return convert


def above_zero(option: str) -> Callable[[str], float]:
    """An option's number that measures something."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < inf:
            raise UserError(option, "a number above 0", text or "nothing", "Give another number.")
        return value

    return convert


def plain_name(option: str) -> Callable[[str], str]:
    """An option's name of a folder, which stays where such folders are."""

    def convert(text: str) -> str:
        if not text or text != Path(text).name or text == "..":
            raise UserError(option, "a name without folders", text or "nothing", "Give a name alone.")
        return text

    return convert
