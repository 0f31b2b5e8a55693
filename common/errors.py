"""One clear line for a user's mistake."""

from pathlib import Path


def printable(text: str) -> str:
    """A line whose unprintable characters are written out: a file name must not forge a second line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class UserError(Exception):
    """Something a person can put right; tools print it as one line and exit with 2.

    Parameters
    ----------
    where : str or Path
        The file, folder or option at fault.
    expected, found : str
        What should have been there, and what was.
    do : str
        What to do about it.
    """

    def __init__(self, where: str | Path, expected: str, found: str, do: str):
        self.where, self.expected, self.found, self.do = str(where), expected, found, do
        super().__init__(where, expected, found, do)

    def __str__(self) -> str:
        return printable(f"{self.where}: expected {self.expected}, found {self.found}. {self.do}")
