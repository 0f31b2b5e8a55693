"""What belongs to the user: nothing that a tool did not write is replaced, followed through a link or removed."""

import errno
import os

import cv2
import pytest

from deeppap.io.errors import UserError
from deeppap.io.own_files import note_written, require_all_own
from deeppap.records.run_folder import locked
from deeppap.scoring.classify import require_writable
from deeppap.screening.screen_images import screen_images
from tests.support.pictures import plain
from tests.support.screening import MPP, settings_for


def test_a_lock_touches_no_file_of_somebody_else(tmp_path):
    lock, mine = tmp_path / ".lock", tmp_path / "notes.txt"
    mine.write_text("mine")
    lock.symlink_to(mine)
    with pytest.raises(UserError, match="found a link"), locked(tmp_path):
        pass
    lock.unlink()
    mine.rename(lock)
    with pytest.raises(UserError, match="something else"), locked(tmp_path):
        pass
    assert lock.read_text() == "mine"
    lock.unlink()
    for _ in range(2):
        with locked(tmp_path):
            assert lock.read_text() == str(os.getpid())


def test_a_lock_on_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(UserError, match=r"\.lock: .*a full disk"), locked(tmp_path):
        pass


@pytest.fixture
def screened(trained_fold, tmp_path):
    """Screens a field of one nucleus into out/: a function, and the folder."""
    pytest.importorskip("pyarrow.parquet", reason="make slides")
    image = tmp_path / "field.png"
    cv2.imwrite(str(image), plain((300, 300, 3), 225))

    def screen(**more):
        return screen_images([image], tmp_path / "out", settings_for(trained_fold), MPP, **more)

    return screen, tmp_path / "out"


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["field/cells.geojson", "cells.csv", "screen.json"])
def test_results_that_somebody_has_changed_are_kept(screened, name):
    """QuPath may save corrected nuclei under the name that it has read."""
    screen, out = screened
    screen()
    screen()
    with (out / name).open("a") as file:
        file.write(" ")
    (out / "notes.txt").write_text("mine")
    (out / "field/notes.txt").write_text("mine")
    before = everything(out)
    with pytest.raises(UserError, match=f"{name}: .*changed since"):
        screen(overwrite=True)
    assert everything(out) == before
    (out / name).unlink()
    screen()
    assert (out / "notes.txt").read_text() == (out / "field/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["field/cells.geojson", "cells.csv", "field", "parts", ".written.json"])
def test_what_a_link_points_to_is_kept(screened, tmp_path, name):
    screen, out = screened
    target = tmp_path / "elsewhere"
    if name in ("field", "parts"):
        target.mkdir()
        (target / "cells.geojson").write_text("{}")
    else:
        target.write_text("{}")
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(target)
    before = everything(tmp_path)
    if name == ".written.json":
        screen()
        assert target.read_text() == "{}"
        return
    with pytest.raises(UserError, match=f"{name}: "):
        screen()
    assert everything(tmp_path) == before


def test_a_folder_is_replaced_as_a_whole_only_if_all_in_it_is_ours(tmp_path):
    out = tmp_path / "out"
    (out / "in").mkdir(parents=True)
    (out / "in/page").write_text("ours")
    note_written(out)
    require_all_own(out)
    (out / "in/empty").mkdir()
    require_all_own(out)
    for change in (
        lambda: (out / "in/notes.txt").write_text("mine"),
        lambda: (out / "in/page").write_text("mine"),
        lambda: (out / "in/link").symlink_to(tmp_path),
        lambda: (out / ".written.json").write_text("[]"),
    ):
        before = (out / ".written.json").read_bytes()
        change()
        with pytest.raises(UserError):
            require_all_own(out)
        for name in ("notes.txt", "link"):
            (out / "in" / name).unlink(missing_ok=True)
        (out / "in/page").write_text("ours")
        (out / ".written.json").write_bytes(before)
    require_all_own(out)


def test_a_file_of_something_else_is_not_replaced_by_scores_or_a_picture(tmp_path):
    (tmp_path / "device").symlink_to("/dev/null")
    for name, text in (("notes.txt", "mine"), ("scores.csv", "a,b\n"), ("cell.png", "GIF89a")):
        (tmp_path / name).write_text(text)
    for name in ("notes.txt", "scores.csv", "cell.png", "device"):
        with pytest.raises(UserError, match="another file"):
            require_writable(tmp_path / name, [])
    (tmp_path / "scores.csv").write_text("image,nucleus_x,nucleus_y,score,spread,class\n")
    (tmp_path / "cell.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9))
    for name in ("scores.csv", "cell.png", "new"):
        require_writable(tmp_path / name, [])
