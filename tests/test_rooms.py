"""Who may import whom, and how large a file, a function and a room may be: read from every file of the project."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.support.checkout import ROOT

# what each room may import beside itself: rooms, or single modules where a room is open by its data types alone
DATA_TYPES = {"data_prep.cells", "data_prep.herlev_classes"}
DATA_TYPES |= {"scoring.results", "scoring.score_files", "scoring.cell_score"}
# what the report's pictures and tables are drawn from: the cells again, the log, the net's shapes
DRAWN_FROM = {"data_prep.dataset", "data_prep.image_file", "data_prep.resample", "data_prep.views"}
DRAWN_FROM |= {"training.caffe_log", "engines.net_probe"}
BELOW_SCORING = {"common", "data_prep", "engines", "training"}
RULES = {
    "common": set(),
    "data_prep": {"common"},
    "engines": {"common"},
    "training": {"common", "data_prep", "engines"},
    "scoring": BELOW_SCORING,
    "measures": {"common", *DATA_TYPES},
    "screening": BELOW_SCORING | {"scoring", "measures"},
    "reporting": {"common", "measures", *DATA_TYPES, *DRAWN_FROM},
    "studies": BELOW_SCORING | {"scoring", "measures", "screening", "reporting"},
    "benchmarks": BELOW_SCORING | {"scoring", "measures", "screening", "reporting", "studies"},
}
RULES["tools"] = set(RULES)
LARGEST_MEDIAN, LARGEST_FUNCTION, LARGEST_SHARE = 100, 40, 0.25


class Import(NamedTuple):
    """One imported module of ours, `room.module` or deeper, and where."""

    file: Path
    line: int
    module: str


def files(root: Path = ROOT) -> list[Path]:
    return sorted(path for room in RULES for path in (root / room).rglob("*.py"))


def imports(path: Path, root: Path = ROOT) -> Iterator[Import]:
    """Every import in a file, also those inside functions; `from a import b` is a.b where that is a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: import by the full name, not from a dot"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if is_module(name, root) else node.module for name in inside]
        else:
            continue
        yield from (Import(path.relative_to(root), node.lineno, n) for n in names if n.split(".")[0] in RULES)


def is_module(name: str, root: Path) -> bool:
    place = root / name.replace(".", "/")
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def allowed(found: Import) -> bool:
    room, target = found.file.parts[0], found.module
    return any(target == name or target.startswith(f"{name}.") for name in RULES[room] | {room})


def wrong_arrows(root: Path = ROOT) -> list[str]:
    found = [one for path in files(root) for one in imports(path, root)]
    lines = [
        f"{one.file}:{one.line}: {one.file.parts[0]} may not import {one.module}" for one in found if not allowed(one)
    ]
    return list(dict.fromkeys(lines))


def test_no_room_imports_what_stands_above_it():
    assert not wrong_arrows(), "\n" + "\n".join(wrong_arrows())


def test_every_folder_of_code_has_a_rule():
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/*.py")} - {"tests"}
    assert folders <= RULES.keys()


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("engines/a.py", "import os\n\ndef f():\n    from data_prep.views import SIZE\n", ":4: .* data_prep.views"),
        ("common/a.py", "import tools.x\n", ":1: .* tools.x"),
        ("measures/a.py", "from scoring import results, score_cells\n", ":1: .* scoring.score_cells"),
        ("reporting/tables/a.py", "from scoring.results import RunResult\n\nimport engines\n", ":3: .* engines"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path, file, text, found):
    for module in ("results", "score_cells"):
        (tmp_path / "scoring").mkdir(exist_ok=True)
        (tmp_path / "scoring" / f"{module}.py").write_text("")
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    lines = wrong_arrows(tmp_path)
    assert len(lines) == 1
    assert re.match(f"{file}{found}$", lines[0])


def lengths() -> dict[str, list[int]]:
    """Lines of every file, by room."""
    found: dict[str, list[int]] = {}
    for path in files():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        found.setdefault(path.relative_to(ROOT).parts[0], []).append(lines)
    return found


def test_files_are_short():
    medians = {room: median(lines) for room, lines in lengths().items()}
    assert max(medians.values()) <= LARGEST_MEDIAN, medians


def test_no_room_is_a_hall():
    sums = {room: sum(lines) for room, lines in lengths().items()}
    assert max(sums.values()) <= LARGEST_SHARE * sum(sums.values()), sums


def test_functions_fit_on_a_screen():
    long = []
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if lines > LARGEST_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {lines} lines")
    assert not long, "\n" + "\n".join(long)
