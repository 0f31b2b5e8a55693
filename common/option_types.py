"""What an option's text must be, where argparse knows no such type."""

import argparse
from pathlib import Path


def at_least_one(text: str) -> int:
    """An option's number that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {text}")
    return int(text)


def plain_name(text: str) -> str:
    """An option's name of a folder, which stays where such folders are."""
    if not text or text != Path(text).name or text == "..":
        raise argparse.ArgumentTypeError(f"expected a name without folders, found {text or 'nothing'}")
    return text
