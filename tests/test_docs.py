import os
import re
import runpy
import shlex
from functools import cache

import cv2
import numpy as np
import pytest

from data_prep.cells import counts
from data_prep.manifest import CLASS_COLUMNS, read_manifest
from data_prep.views import Grid
from deeppap.cli.options import profiles
from deeppap.records.structs import PROTOCOLS
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.classify import cells_in_csv
from tests.support.checkout import ROOT
from tests.support.page_code import blocks
from tests.support.pictures import plain

tools_pages = runpy.run_path(str(ROOT / "docs/site.py"))["tools_pages"]
OWN_CELLS = ROOT / "docs/how-to/own-cells.md"
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("models/*/readme.md"))]
TOOLS = ROOT / "docs/reference/tools"  # made from the help itself
PAGES = [page for page in PAGES if page.exists() and page.parent != TOOLS]
COMMAND = re.compile(r"(?:\.venv/bin/python +)?tools/(\w+\.(?:py|sh))([^`\n]*)")
FOLDERS = "benchmarks|data_prep|deeppap|docs|experiments|models|prototxt|tests|third_party|tools"
MENTIONED = re.compile(rf"`((?:{FOLDERS})/[\w./-]+)`|\]\((?!\w+:|#)([\w./-]+)[^)]*\)")
MADE = (".caffemodel", ".binaryproto")  # files that are never committed
WIDTH, HEIGHT = 640, 480


def commands(page):
    """(tool, the words after it) of every command line on a page, in a listing or in a sentence."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for tool, rest in COMMAND.findall(text):
        words = (
            shlex.split(re.split(r"\s[#|>&;]|\s{3,}|[),;](?=\s|$)", rest)[0].replace("'", "")) if "--" in rest else []
        )
        yield tool, words


@cache
def help_of(tool):
    """From the tool's page, which is its help: the last test of this file compares them."""
    return (TOOLS / tool).with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_exists_and_has_its_options(page):
    for tool, words in commands(page):
        assert os.access(ROOT / "tools" / tool, os.X_OK), f"tools/{tool} is missing or not executable"
        if tool.endswith(".sh"):
            continue
        known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", help_of(tool)))
        options = [word.split("=")[0] for word in words if word.startswith("--") and word != "-->"]
        assert set(options) <= known, f"{tool}: no option {set(options) - known}"
        for option, values in (("--profile", profiles()), ("--protocol", PROTOCOLS)):
            if option in words:
                assert re.sub(r"\W.*", "", words[words.index(option) + 1]) in values


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_named_exists(page):
    for named, linked in MENTIONED.findall(page.read_text(encoding="utf-8")):
        path = ROOT / named if named else page.parent / linked
        assert named.endswith(MADE) or path.exists(), f"{page.name} names {named or linked}"


def test_no_page_tells_of_a_machine():
    for page in PAGES:
        found = re.search(r"(?<![\w.:/<])/(?:home|work|root|tmp|mnt|opt)/", page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found}"


@pytest.fixture
def own_cells(tmp_path):
    """The documented manifest with files for it: images, and a grey mask with its nucleus about (30.5, 20)."""
    text = blocks(OWN_CELLS, "csv")[0]
    for path in {cell for line in text.splitlines()[1:] for cell in line.split(",") if cell.endswith(".png")}:
        (tmp_path / "my_cells" / path).parent.mkdir(parents=True, exist_ok=True)
        image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
        if "mask" in path:
            image = np.zeros((HEIGHT, WIDTH), np.uint8)
            image[19:22, 30:32] = 255
        assert cv2.imwrite(str(tmp_path / "my_cells" / path), image)
    manifest = tmp_path / "my_cells/cells.csv"
    manifest.write_text(text, encoding="utf-8")
    return manifest


def test_the_documented_manifest_reads(own_cells):
    found = read_manifest(own_cells)
    assert (found.name, counts(found.cells)) == ("my_cells", (3, 2))
    assert {cell.id: cell.centre for cell in found.cells} == {
        "cell_0001": (63.5, 71.0),
        "cell_0002": (30.5, 20.0),
        "p02_07_a": (210.0, 305.25),
        "p02_07_b": (412.0, 118.0),
        "field_01": (96.0, 400.0),
    }
    assert {cell.group for cell in found.cells} == {"patient01", "patient02", "patient03"}


def test_every_column_of_a_manifest_is_documented(own_cells):
    header = own_cells.read_text().splitlines()[0].split(",")
    table = OWN_CELLS.read_text(encoding="utf-8").split("| column |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == header
    assert all(f"`{name}`" in OWN_CELLS.read_text() for name in CLASS_COLUMNS)


def test_the_documented_list_of_new_cells_reads(tmp_path):
    (tmp_path / "new.csv").write_text(blocks(OWN_CELLS, "csv")[1], encoding="utf-8")
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), plain((HEIGHT, WIDTH, 3), 200))
    cells = cells_in_csv(tmp_path / "new.csv", ViewChoice(Grid(1, 1), 1, 1))
    assert [cell.cell.centre for cell in cells] == [(63.5, 71.0), (210.0, 305.25)]


def test_the_pages_of_tools_are_their_help():
    """Make them again with docs/site.py."""
    assert {path.name: path.read_text(encoding="utf-8") for path in TOOLS.iterdir()} == tools_pages()
