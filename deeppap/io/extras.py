"""Packages that only a part of the project needs, each in a requirements file of its own."""

from importlib import import_module
from types import ModuleType

from deeppap.io.errors import UserError


def extra(module: str, use: str, target: str) -> ModuleType:
    """A module that `make TARGET` installs.

    Raises
    ------
    UserError
        Where it is not installed; `use` says what it is for.
    """
    try:
        return import_module(module)
    except ImportError:
        raise UserError(module, f"this package, for {use}", "none here", f"Run: make {target}") from None
