"""The virtual environment is made once, whole, by one make at a time."""

import os
import shutil
import subprocess

import pytest

from tests.support.build_machine import BuildMachine
from tests.support.checkout import ROOT

# a Python whose environments are two scripts; it answers questions about itself as every Python does
PYTHON = """case "$1 $2" in
  "-c "*base_prefix*) echo "{name}" ;;
  "-c "*base_executable*) echo "{here}/{name}" ;;
  "-c "*) exit 0 ;;
  "-m venv") echo "{name} makes" >>"{log}"; sleep 0.1; mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"
    {cp} "{here}/{name}" "$3/bin/python"
    printf '#!/bin/sh\\necho pip begins >>"{log}"; sleep 0.1; echo pip ends >>"{log}"\\n' >"$3/bin/pip"
    chmod +x "$3/bin/pip" ;;
esac"""
MADE = ["python3 makes"]


@pytest.fixture
def machine(tmp_path):
    """A machine with two Pythons and no environment; the file `log` of the test's folder says what was done."""
    machine = BuildMachine(tmp_path)
    (machine.venv / "bin").rmdir()
    machine.venv.rmdir()
    (machine.scripts.parents[1] / "requirements-dev.txt").touch()
    for name in ("python3", "python3.99"):
        words = {"name": name, "log": tmp_path / "log", "here": machine.bin, "cp": (machine.bin / "cp").resolve()}
        machine.fake(name, PYTHON.format(**words))
    return machine


def done(machine) -> list[str]:
    """What was done since this was last asked."""
    log = machine.venv.parent / "log"
    lines = log.read_text().splitlines()
    log.write_text("")
    return lines


def make(machine, python: str = "python3") -> list[str]:
    """Make the environment; what was done, without pip's work."""
    made = machine.run("make_venv.sh", python)
    assert made.returncode == 0, made.stderr
    return [line for line in done(machine) if not line.startswith("pip ")]


def test_two_makes_at_once_make_one_environment(machine):
    both = [machine.start("make_venv.sh", "python3") for _ in range(2)]
    said = "".join(one.communicate()[1] for one in both)
    assert [one.returncode for one in both] == [0, 0], said
    assert done(machine) == [*MADE, *["pip begins", "pip ends"] * 2]


def test_a_whole_environment_is_kept_and_a_broken_one_is_made_again(machine):
    assert make(machine) == MADE
    assert make(machine) == []
    (machine.venv / "bin/pip").unlink()  # pip comes last: the making was interrupted
    assert make(machine) == MADE
    (machine.venv / "bin/pip").unlink()
    assert make(machine, str(machine.venv / "bin/python")) == MADE  # as from an activated environment


def test_another_python_makes_another_environment(machine):
    make(machine)
    assert make(machine, "python3.99") == ["python3.99 makes"]
    (machine.bin / "python3.99").unlink()  # as after an upgrade of the system
    (machine.venv / "bin/python").unlink()
    assert make(machine) == MADE


def test_a_folder_that_is_not_an_environment_is_not_removed(machine):
    (machine.venv / "mine").mkdir(parents=True)
    assert "expected a virtual environment or nothing" in machine.refusal("make_venv.sh", "python3")
    assert (machine.venv / "mine").is_dir()


@pytest.fixture
def project(tmp_path):
    """A folder with the Makefile and a finished environment of a certain Python."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "requirements-dev.txt", "pyproject.toml", "old-python"):
        (tmp_path / name).touch()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/pyvenv.cfg").write_text(f"home = x\nexecutable = {tmp_path / 'old-python'}\n")
    (tmp_path / ".venv/.complete").touch()
    (tmp_path / ".venv/bin/python").symlink_to("/bin/true")
    return tmp_path


def would_make(project, *words: str) -> str:
    """The Python with which `make venv` would make the environment; empty if it would not."""
    own = {"PATH": os.environ["PATH"]}  # without the PYTHON of a make that runs these tests
    command = ["make", "-n", "venv", *words]
    printed = subprocess.run(command, cwd=project, env=own, capture_output=True, text=True, check=True).stdout
    return next((line.split()[1].strip('"') for line in printed.splitlines() if "make_venv.sh" in line), "")


def test_make_passes_the_python_on(project):
    assert would_make(project) == ""
    assert would_make(project, "PYTHON=/usr/bin/python3") == "/usr/bin/python3"
    python = project / ".venv/bin/python"
    for gone in ("/nowhere/python3.11", "/bin/false"):  # removed by an upgrade; without NumPy
        python.unlink()
        python.symlink_to(gone)
        assert would_make(project) == str(project / "old-python")
    (project / "old-python").unlink()
    assert would_make(project) == "python3"
