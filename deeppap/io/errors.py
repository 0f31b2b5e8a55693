"""One clear line for a user's mistake; of a list with many mistakes, a line for each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECK_PATH = "Check the path."
SHOWN = 20  # mistakes of one list


def printable(text: str) -> str:
    """A line whose unprintable characters are written out: a file name must not forge a second line."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def one_line(error: Exception) -> str:
    """A library's exception as a short part of a line; many of them have several lines."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200].rstrip('.')}"


class UserError(Exception):
    """Something a person can put right; tools print it as one line and exit with 2.

    `where` is the file or folder at fault (a parameter has `FieldError`), `expected` and `found` what should have been
    there and what was, `do` what to do about it.
    """

    field: str | None = None  # the parameter at fault, such as "views"

    def __init__(self, where: str | Path, expected: str, found: str, do: str):
        self.where, self.expected, self.found, self.do = str(where), expected, found, do
        super().__init__(where, expected, found, do)

    def __str__(self) -> str:
        return printable(f"{self.where}: expected {self.expected}, found {self.found}. {self.do}")

    def lines(self) -> list[str]:
        """What a tool prints: one line."""
        return [str(self)]


class InterruptionError(UserError):
    """Work that somebody stopped, and that the same command continues; a tool exits with 130, as after Ctrl-C."""


class FieldError(UserError):
    """A parameter with a value that cannot be used, such as "views"; `where` is its name.

    A tool prints the option in its place (deeppap.cli), so that no library function needs to know how it is called
    on the command line. In `do`, a parameter's name between backquotes becomes its option too.
    """

    @property
    def field(self) -> str:
        """The parameter's name."""
        return self.where


class ListError(UserError):
    """Several mistakes of one list, `count` in all: as text the first, as lines all that are kept."""

    def __init__(self, errors: Sequence[UserError], count: int):
        first = errors[0]
        super().__init__(first.where, first.expected, first.found, first.do)
        self.errors, self.count = list(errors), count

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.count} mistakes in all)"

    def lines(self) -> list[str]:
        """A line for each mistake that is kept, and how many more there are."""
        more = self.count - len(self.errors)
        return [*map(str, self.errors), *([f"and {more} more mistakes"] if more else [])]


class Mistakes:
    """A list's mistakes, to be mended all at once: the first of them are kept, the rest counted."""

    def __init__(self):
        self.errors: list[UserError] = []
        self.count = 0

    def add(self, error: UserError) -> None:
        """Note a mistake; the same one again, as of an image that many lines name, is no other."""
        if str(error) in map(str, self.errors):
            return
        self.count += 1
        if len(self.errors) < SHOWN:
            self.errors.append(error)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the mistake that the body meets, if any, and go on."""
        try:
            yield
        except UserError as error:
            self.add(error)

    def require_none(self) -> None:
        """Raise the one mistake, or all of them."""
        if self.errors:
            raise self.errors[0] if self.count == 1 else ListError(self.errors, self.count)
