"""What belongs to the user: nothing that a tool did not write is replaced, followed through a link or removed."""

import errno
import os

import pytest

from deeppap.io.errors import UserError
from deeppap.records.run_folder import locked


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
