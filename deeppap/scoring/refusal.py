"""Refusing what does not belong together, or saying what is overridden."""

from collections.abc import Callable
from pathlib import Path

from deeppap.io.errors import UserError


class Refusal:
    """Refuses what does not belong to a fold; with `force` it says what it overrides and goes on."""

    def __init__(self, force: bool, say: Callable[[str], None]):
        self.force, self.say = force, say
        self.overridden = False

    def __call__(self, where: str | Path, expected: str, found: str) -> None:
        """Refuse, or say what is overridden."""
        error = UserError(where, expected, found, "Use what belongs to this fold, or --force.")
        if not self.force:
            raise error
        self.overridden = True
        self.say(f"--force overrides: {error}")
