"""A tool's --help and its work load nothing that they may not need, and its work runs through few files."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import pytest

from tests.support.checkout import ROOT, run_tool
from tests.support.drawn_field import MPP, draw_field

HEAVY = {"caffe", "cv2", "lmdb", "matplotlib", "numpy", "scipy", "sklearn", "torch", "google.protobuf"}
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("[!_]*.py"))


# all tools in one process: what one loads stays loaded for the next, so the first that loads too much is named
HELP = """
import contextlib, io, json, runpy, sys
found = {}
for path in sys.argv[1:]:
    sys.argv, printed = [path, "--help"], io.StringIO()
    sys.path[0] = path.rpartition("/")[0]
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        runpy.run_path(path, run_name="__main__")
    found[path.rpartition("/")[2]] = [printed.getvalue(), [*sys.modules]]
print(json.dumps(found))
"""


def test_help_loads_nothing_heavy_and_shows_an_example():
    command = [sys.executable, "-c", HELP, *(ROOT / "tools" / tool for tool in TOOLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for tool, (printed, imported) in json.loads(done.stdout).items():
        assert "argparse" in imported
        assert not HEAVY & {*imported}, tool
        assert printed.startswith(f"usage: {tool}")
        assert "--version" in printed
        # the commonest call comes first after the options, in lines that a terminal shows whole
        examples = printed[printed.index(f"\n\n  tools/{tool}") :]
        assert max(map(len, examples.splitlines())) <= 120


@pytest.mark.parametrize("tool", [one for one in TOOLS if one != "import_labels.py"])  # the importer's library says it
def test_a_tool_ends_with_the_next_command(tool):
    told = re.findall(r"Next: [^\n]*?tools/(\w+\.py)", (ROOT / "tools" / tool).read_text(encoding="utf-8"))
    assert told
    assert set(told) <= set(TOOLS)


@pytest.mark.parametrize("tool", ["classify", "screen", "validate"])
def test_new_cells_are_not_scored_without_naming_a_net(checkout, tool):
    """A default would be whatever fold was built last, perhaps half trained."""
    done = run_tool(checkout, tool, "image.png", status=2)
    assert "--net" in done.stderr and done.stderr.count("\n") == 1


def test_another_projects_environment_is_left_for_our_own(tmp_path):
    """As in a terminal where that is activated: the tools have their packages in .venv alone."""
    for name in ("tools/_venv.py", "tools/one.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    shutil.copy(ROOT / "tools/_venv.py", tmp_path / "tools")
    (tmp_path / "tools/one.py").write_text("import _venv\nimport sys\nprint(sys.argv[1:])\n")
    command = [sys.executable, tmp_path / "tools/one.py", "a b"]
    environment = {**os.environ, "VIRTUAL_ENV": "/elsewhere"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "the project's Python .venv/bin/python is missing. Run: make caffe" in done.stderr
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").write_text(f'#!/bin/sh\nDEEPPAP_PYTHON=ours exec "{sys.executable}" "$@"\n')
    (tmp_path / ".venv/bin/python").chmod(0o755)
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout == "['a b']\n"


@pytest.mark.parametrize("between", [False, True])
def test_ctrl_c_while_a_tool_starts_ends_it_as_later(tmp_path, between):
    """While it imports its libraries, and while one Python starts the other."""
    for folder in ("tools", ".venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "tools/_venv.py", tmp_path / "tools")
    importing = "" if between else "os.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "tools/one.py").write_text(f"import _venv\nimport os, signal\n{importing}print('not reached')\n")
    python = tmp_path / ".venv/bin/python"
    interrupt = "kill -INT $$\n" if between else ""
    python.write_text(f'#!/bin/sh\n{interrupt}DEEPPAP_PYTHON=ours exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    # a shell in the background may have set it to be ignored
    heard = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    words = [sys.executable, "-c", heard, sys.executable, tmp_path / "tools/one.py"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "one.py: interrupted. Run the same command again to continue.\n"


SLOW = ("sklearn", "scipy.stats", "pandas", "matplotlib", "skimage.transform")
# what build_lmdb, train, classify and screen import for their work
LOADED = (
    "data_prep.prepare",
    "deeppap.training.source",
    "deeppap.training.train_fold",
    "deeppap.scoring.open_nets",
    "deeppap.scoring.classify",
    "deeppap.screening.screen_images",
    "deeppap.screening.screen_tile",
    "caffe",
)


def test_no_tool_loads_anything_heavy_that_it_may_not_need():
    code = f"import sys, {', '.join(LOADED)}; print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture
def place(copy_of, trained_fold):
    """A checkout with the trained fold as runs/phantom-cell-smallest/fold0, and a field."""
    folder, _ = copy_of(trained_fold, "train_lmdb", "val_lmdb")
    cv2.imwrite(str(folder / "field.png"), draw_field()[0])
    return folder


def ran(place, tool, *words):
    """The project's files in which a tool called a function, in this process."""
    called = set()

    def note(frame, event, _argument):
        code = frame.f_code
        # a function's code is optimized, a class's body is not; `<genexpr>` alone is one of a module's constants
        if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and not code.co_qualname.startswith("<"):
            called.add(code.co_filename)

    for module in (sys, threading):
        module.setprofile(note)
    try:
        run_tool(place, tool, *words)
    finally:
        for module in (sys, threading):
            module.setprofile(None)
    folders = [ROOT / name for name in ("data_prep", "deeppap", "tools")]
    paths = {Path(name).resolve() for name in called}  # not of each call: there are millions
    return {path for path in paths if path.suffix == ".py" and any(path.is_relative_to(one) for one in folders)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "words", "most"),
    [
        ("evaluate", [], 45),
        ("screen", ["field.png", "--mpp", MPP, "--training-mpp", 0.2, "--views", 1, "--crops", 1, "--out", "out"], 69),
    ],
)
def test_a_tool_runs_through_few_files(place, tool, words, most):
    """Files whose constants alone are used are imported and not run through."""
    pytest.importorskip("pyarrow", reason="make slides")
    found = ran(place, tool, *words, "--net", "runs/phantom-cell-smallest/fold0", "--gpu", "none")
    assert ROOT / f"tools/{tool}.py" in found
    assert len(found) <= most, sorted(found)
