"""Who may import whom, read from every file of the project: a room imports only what stands below it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.checkout import ROOT

# from the ground up, as in docs: each imports itself and what stands before it
ROOMS = (
    "deeppap.io",
    "deeppap.records",
    "deeppap.cluster",
    "data_prep",
    "deeppap.phantom",
    "deeppap.engines",
    "deeppap.stats",
    "deeppap.training",
    "deeppap.scoring",
    "deeppap.screening",
    "deeppap.report",
    "deeppap.studies",
    "deeppap.cli",
    "benchmarks",
    "experiments",
    "tools",
)


class Import(NamedTuple):
    """One imported module of ours and where the import stands."""

    file: Path
    line: int
    module: str


def room_of(module: str) -> str | None:
    """The room of a dotted name; None for the standard library and other packages."""
    return next((room for room in ROOMS if module == room or module.startswith(f"{room}.")), None)


def imports(path: Path) -> Iterator[Import]:
    """Every import of ours in a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: import by the full name, not from a dot"
            # `from deeppap import scoring` names a room as well
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (Import(path.relative_to(ROOT), node.lineno, name) for name in names if room_of(name))


def wrong_arrows() -> list[str]:
    lines = []
    for room in ROOMS:
        for path in sorted((ROOT / room.replace(".", "/")).rglob("*.py")):
            for found in imports(path):
                if ROOMS.index(room_of(found.module)) > ROOMS.index(room):
                    lines.append(f"{found.file}:{found.line}: {room} may not import {found.module}")
    return list(dict.fromkeys(lines))


def test_no_room_imports_what_stands_above_it():
    assert not wrong_arrows(), "\n" + "\n".join(wrong_arrows())


def test_every_folder_of_code_is_a_room():
    packages = {f"deeppap.{path.parent.name}" for path in ROOT.glob("deeppap/*/__init__.py")}
    assert packages <= set(ROOMS)
