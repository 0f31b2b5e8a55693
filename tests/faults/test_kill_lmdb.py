"""kill -9 of the LMDB writer: each final name is absent or complete, and a rerun gives the same bytes."""

import pytest

from data_prep import fold_data
from data_prep.fold_data import LMDBS, drop_lmdbs
from data_prep.profiles import run_profile
from deeppap.io.errors import UserError
from deeppap.records import RunRecord, SplitRecord
from tests.support.checkout import run_tool
from tests.support.fault_tools import final_names, leftovers
from tests.support.waiting import wait_until

COMMAND = ("--fold", "0", "--profile", "smallest", "--workers", "1")


def data_of(fold):
    """What must be the same again: the LMDBs, the mean and their record."""
    wanted = ("data.mdb", ".binaryproto", "fold.json")  # a reader of the LMDB leaves its lock.mdb behind
    return {n: h for n, h in final_names(fold).items() if n.endswith(wanted)}


def test_kills_leave_nothing_half_made(place, phantom, start, built_fold):
    """Killed as soon as the first, and then the second LMDB is begun."""
    whole, fold = data_of(built_fold), place / "runs/phantom-cell-smallest/fold0"
    for name in LMDBS:
        process = start("build_lmdb", *COMMAND, herlev=phantom)
        begun = fold / f".{name}.partial/data.mdb"
        wait_until(lambda: begun.exists() or process.poll() is not None, name, step=0.002)  # noqa: B023
        process.kill()
        process.communicate()
        assert begun.exists() and data_of(fold) == {}
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == whole
    assert not [name for name in leftovers(place) if "lmdb" in name]


def test_lmdbs_that_were_removed_are_built_again_the_same(copy_of, built_fold, phantom):
    place, fold = copy_of(built_fold)
    (fold / "train_lmdb/data.mdb").unlink()  # as if drop_lmdbs had been killed between the two
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == data_of(built_fold)
    assert drop_lmdbs(fold) > 0 and not (fold / "train_lmdb").exists()
    run_tool(place, "build_lmdb", *COMMAND, herlev=phantom)
    assert data_of(fold) == data_of(built_fold)


def test_a_failure_in_the_writer_leaves_no_final_name(tmp_path, built_fold, dataset, monkeypatch):
    """An error between the two LMDBs: neither has its final name, and there is no record."""
    run, split = RunRecord.read(built_fold.parent), SplitRecord.read(built_fold.parent)
    write = fold_data.write_patch_lmdb

    def fail_second(path, *arguments):
        if "val" in path.name:
            raise UserError(path, "a test", "a failure", "Nothing.")
        return write(path, *arguments)

    target = tmp_path / "fold0"
    target.mkdir()
    monkeypatch.setattr(fold_data, "write_patch_lmdb", fail_second)
    with pytest.raises(UserError, match="a failure"):
        fold_data.build_fold(target, dataset, split, 0, run, run_profile(run), 1)
    assert final_names(target) == {} and not leftovers(target)
