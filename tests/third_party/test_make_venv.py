"""The virtual environment is made once, whole, by one make at a time."""

import pytest

from tests.support.build_machine import BuildMachine

# a Python whose environments are two scripts; it answers who it is as every Python does
PYTHON = """case "$1 $2" in
  "-c "*base_prefix*) echo "{name}" ;;
  "-c "*) exit 0 ;;
  "-m venv") echo "{name} makes" >>"{log}"; sleep 0.3; mkdir -p "$3/bin"
    {cp} "{here}/{name}" "$3/bin/python"
    printf '#!/bin/sh\\necho pip begins >>"{log}"; sleep 0.3; echo pip ends >>"{log}"\\n' >"$3/bin/pip"
    chmod +x "$3/bin/pip" ;;
esac"""


@pytest.fixture
def machine(tmp_path):
    """A machine with two Pythons and no environment; `log` of the test's folder says what was done."""
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


def test_two_makes_at_once_make_one_environment(machine):
    both = [machine.start("make_venv.sh", "python3") for _ in range(2)]
    said = "".join(one.communicate()[1] for one in both)
    assert [one.returncode for one in both] == [0, 0], said
    assert done(machine) == ["python3 makes", *["pip begins", "pip ends"] * 2]
