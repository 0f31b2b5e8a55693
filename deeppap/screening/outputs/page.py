"""A page from its template beside this file, and the style that all pages share."""

from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent


def part(name: str) -> str:
    """The text of a template, a style or a script."""
    return (HERE / name).read_text(encoding="utf-8")


def filled(template: str, fill: Mapping[str, str]) -> str:
    """A template with every @@NAME@@ replaced; whatever is filled in is not looked at again."""
    pieces = part(template).split("@@")  # text, name, text, name, ...
    return "".join(fill[piece] if index % 2 else piece for index, piece in enumerate(pieces))
