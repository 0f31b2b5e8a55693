"""A damaged data.mdb is found by its record before a reader can die of it."""

import os
import shutil

import pytest

from data_prep.fold_data import verify_fold
from data_prep.leaks import audit_fold
from deeppap.io.errors import UserError
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.checkout import run_tool
from tests.support.fault_tools import flip_byte


def grow(path, by):
    os.truncate(path, path.stat().st_size + by)


DAMAGE = {
    "truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "bytes, found"),
    "one page short": (lambda path: grow(path, -4096), "bytes, found"),
    "a page too long": (lambda path: grow(path, 4096), "bytes, found"),
    "a flipped byte": (lambda path: flip_byte(path, path.stat().st_size // 3), "sha256"),
    "emptied": (lambda path: os.truncate(path, 0), "bytes, found 0"),
    "gone": (lambda path: path.unlink(), "no such file"),
}


@pytest.mark.parametrize(("kind", "name"), [*((kind, "train_lmdb") for kind in DAMAGE), ("truncated", "val_lmdb")])
def test_damage_is_found_before_reading(untrained, kind, name):
    """LMDB itself notices nothing: a reader of a truncated file ends with SIGBUS."""
    _, fold = untrained
    damage, words = DAMAGE[kind]
    path = fold / name / "data.mdb"
    damage(path)
    for reader in (verify_fold, audit_fold, lambda fold: train_fold(fold, TrainOptions(None))):
        with pytest.raises(UserError) as caught:
            reader(fold)
        assert caught.value.where == str(path) and words in str(caught.value)


def test_what_the_message_says_to_do_works(untrained, phantom, refused):
    place, fold = untrained
    grow(fold / "train_lmdb/data.mdb", -4096)
    build = ("build_lmdb", "--fold", "0", "--profile", "smallest", "--workers", "1")
    line = refused(place, *build, herlev=phantom)
    assert f"Remove {(fold / 'train_lmdb').relative_to(place)} and build the fold again" in line
    shutil.rmtree(fold / "train_lmdb")
    run_tool(place, *build, herlev=phantom)
    assert verify_fold(fold).train_lmdb.entries == 144
