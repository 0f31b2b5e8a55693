"""What a record says of where it comes from, and what makes another version of the code."""

from importlib.metadata import PackageNotFoundError

import pytest

from deeppap.records import provenance


def test_opencv_without_a_window_is_opencv_too(monkeypatch):
    def found(name):
        if name == "opencv-python":
            raise PackageNotFoundError(name)
        return "5.0" if name == "opencv-python-headless" else "1.0"

    monkeypatch.setattr(provenance, "version", found)
    assert provenance.provenance()["versions"]["opencv-python"] == "5.0"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("deeppap/a.py", True),
        ("prototxt/solver.prototxt", True),
        ("profiles.toml", True),
        ("data_prep/b.py", True),
        ("tools/c.py", False),
    ],
)
def test_what_changes_a_folds_figures_makes_another_version(tmp_path, monkeypatch, name, changes):
    for file in ("deeppap/a.py", "prototxt/solver.prototxt", "profiles.toml", "data_prep/b.py", "tools/c.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("one")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    digest = provenance.code_digest.__wrapped__
    before = digest()
    (tmp_path / name).write_text("two")
    assert (digest() != before) is changes
    assert digest() == digest()
