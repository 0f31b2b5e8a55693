"""What makes another version: its code, its nets, its counts."""

import pytest

from deeppap.records import code_digest


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The checksum over a folder that holds a module, a net and the counts."""
    for name in ("deeppap/a.py", "prototxt/solver.prototxt", "profiles.toml", "data_prep/b.py", "tools/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(code_digest, "ROOT", tmp_path)
    return code_digest.code_digest.__wrapped__


@pytest.mark.parametrize("name", ["deeppap/a.py", "prototxt/solver.prototxt", "profiles.toml", "data_prep/b.py"])
def test_whatever_changes_a_folds_figures_makes_another_version(digest, tmp_path, name):
    before = digest()
    assert digest() == before
    (tmp_path / name).write_text("two")
    assert digest() != before


def test_what_takes_no_part_does_not(digest, tmp_path):
    before, of_training = digest(), digest(("deeppap",))
    (tmp_path / "tools/c.py").write_text("two")
    assert digest() == before
    (tmp_path / "profiles.toml").write_text("two")
    assert digest(("deeppap",)) == of_training != digest()
