"""What a record says of where it comes from."""

from importlib.metadata import PackageNotFoundError

from deeppap.records import provenance


def test_opencv_without_a_window_is_opencv_too(monkeypatch):
    def found(name):
        if name == "opencv-python":
            raise PackageNotFoundError(name)
        return "5.0" if name == "opencv-python-headless" else "1.0"

    monkeypatch.setattr(provenance, "version", found)
    assert provenance.provenance()["versions"]["opencv-python"] == "5.0"
