"""Comparing the numbers that a page states with those that the files give, whatever words stand around them."""

import re
from collections.abc import Iterable
from pathlib import Path

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])")


def numbers(text: str) -> list[str]:
    """The numbers of a text in order, without signs, units and thousands' commas."""
    return [found.replace(",", "") for found in NUMBER.findall(text)]


def pieces(page: Path) -> list[list[str]]:
    """The numbers of each paragraph and of each row of a table."""
    text = page.read_text(encoding="utf-8")
    return [numbers(part) for part in re.split(r"\n\s*\n|\n(?=\s*[|-])", text)]


def require_stated(page: Path, figures: Iterable[tuple[object, ...]]) -> None:
    """Each tuple of figures stands on the page, one after another in one paragraph or row."""
    found = [f" {' '.join(piece)} " for piece in pieces(page)]
    wanted = [" ".join(str(one).replace(",", "") for one in figure) for figure in figures]
    missing = [figure for figure in wanted if not any(f" {figure} " in piece for piece in found)]
    assert wanted and not missing, f"{page.name} should state\n" + "\n".join(missing)
