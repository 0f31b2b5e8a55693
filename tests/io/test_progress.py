"""Progress in a log: lines of their own, with the share done; none for short work."""

import sys

import pytest

from deeppap.io import progress as module
from deeppap.io.progress import progress


@pytest.mark.parametrize(("total", "said"), [(4, "work: 50 % (2 of 4 cells)"), (None, "work: 2 cells")])
def test_a_log_gets_lines(monkeypatch, capsys, total, said):
    monkeypatch.setattr(module, "EVERY", 0.0)
    for _ in progress(iter(range(4)), "work", total, "cell", leave=False):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith(said) for line in lines)
    assert all(line == line.strip() and "\r" not in line for line in lines)


def test_short_work_prints_nothing(capsys):
    assert list(progress(range(3), "work")) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for _ in progress(range(3), "work"):
        pass
    assert "\r" in capsys.readouterr().err
