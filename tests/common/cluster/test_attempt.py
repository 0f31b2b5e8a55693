"""What makes a worker another one than the driver: its code, its nets, its counts."""

import pytest

from common.cluster import attempt


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The checksum over a folder that holds a module, a net and the counts."""
    for name in ("training/a.py", "prototxt/solver.prototxt", "profiles.toml", "reporting/b.py", "tools/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(attempt, "ROOT", tmp_path)
    return attempt.code_digest.__wrapped__


@pytest.mark.parametrize("name", ["training/a.py", "prototxt/solver.prototxt", "profiles.toml", "reporting/b.py"])
def test_whatever_changes_a_folds_figures_makes_another_version(digest, tmp_path, name):
    before = digest()
    assert digest() == before
    (tmp_path / name).write_text("two")
    assert digest() != before


def test_what_a_worker_does_not_run_does_not(digest, tmp_path):
    before = digest()
    (tmp_path / "tools/c.py").write_text("two")
    assert digest() == before
