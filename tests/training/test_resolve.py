import dataclasses
import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from data_prep.profiles import read_profile
from deeppap.io.caffe_messages import read_prototxt
from deeppap.training.resolve import data_layer, resolve_fold
from tests.support.caffe_nets import hand_written, read_datums
from tests.support.records import fold_record, run_record

PAPER_FOLD = fold_record(entries=108_208, train_cells=733, val_cells=184, validation_views=100)
RUN = run_record(seed=5)


def resolved(tmp_path, record=PAPER_FOLD, profile="paper", run=RUN, gpu=False):
    schedule = resolve_fold(tmp_path, record, run, read_profile(profile), gpu)
    solver = read_prototxt(tmp_path / "solver.prototxt", "SolverParameter")
    return schedule, solver, read_prototxt(tmp_path / "train_val.prototxt", "NetParameter")


def test_a_paper_fold_resolves_to_the_hand_written_numbers(tmp_path):
    schedule, solver, net = resolved(tmp_path)
    assert (schedule.iterations_per_epoch, schedule.epochs, schedule.batch_size) == (423, 30, 256)
    assert schedule.max_iter == 12_690
    written = hand_written("solver")
    for name in ("max_iter", "stepsize", "test_interval", "snapshot", "base_lr", "gamma", "momentum", "weight_decay"):
        assert getattr(solver, name) == getattr(written, name), name
    assert list(solver.test_iter) == list(written.test_iter) == [184]
    assert data_layer(net, 1).data_param.batch_size == 100


def test_paths_and_seed_are_the_folds(tmp_path):
    _, solver, net = resolved(tmp_path)
    assert (solver.net, solver.random_seed) == (str(tmp_path / "train_val.prototxt"), 5)
    assert Path(solver.snapshot_prefix).parent == tmp_path / "snapshots"
    assert [data_layer(net, phase).data_param.source for phase in (0, 1)] == [
        str(tmp_path / "train_lmdb"),
        str(tmp_path / "val_lmdb"),
    ]
    assert {data_layer(net, p).transform_param.mean_file for p in (0, 1)} == {str(tmp_path / "mean.binaryproto")}
    assert solver.solver_mode == solver.CPU
    assert resolved(tmp_path, gpu=True)[1].solver_mode == solver.GPU


def test_only_counts_and_paths_change(tmp_path):
    """Layers, multipliers, fillers, rates: what is resolved is the hand-written net."""
    _, solver, net = resolved(tmp_path, profile="smallest")
    written = hand_written("train_val")
    for phase in (0, 1):
        data_layer(net, phase).CopyFrom(data_layer(written, phase))
    assert net == written
    own = hand_written("solver")
    for name in ("net", "test_iter", "test_interval", "stepsize", "max_iter", "display", "snapshot", "snapshot_prefix"):
        solver.ClearField(name)
        own.ClearField(name)
    own.random_seed = 5
    assert solver == own


@pytest.mark.parametrize(("entries", "batch", "epoch"), [(144, 16, 9), (145, 16, 10), (1, 16, 1), (16, 16, 1)])
def test_an_epoch_sees_every_view(tmp_path, entries, batch, epoch):
    record = fold_record(entries=entries, train_cells=733, val_cells=184)
    schedule, solver, net = resolved(tmp_path, record, "smallest")
    assert data_layer(net, 0).data_param.batch_size == batch
    assert (schedule.iterations_per_epoch, solver.test_interval, solver.snapshot) == (epoch,) * 3
    assert solver.display >= 1
    assert solver.stepsize >= 1


@pytest.mark.parametrize(("epochs", "stage"), [(1, 1 / 3), (2, 1), (3, 1), (4, 2), (6, 2), (30, 10)])
def test_the_rate_falls_after_each_third_of_training_rounded_up(tmp_path, epochs, stage):
    """In whole epochs; of a single one, within it."""
    profile = dataclasses.replace(read_profile("quick"), epochs=epochs)
    resolve_fold(tmp_path, PAPER_FOLD, RUN, profile, False)
    solver = read_prototxt(tmp_path / "solver.prototxt", "SolverParameter")
    assert solver.stepsize == math.ceil(stage * solver.test_interval)
    assert solver.max_iter == epochs * solver.test_interval


def test_validation_covers_the_lmdb_exactly_once(trained_fold):
    solver = read_prototxt(trained_fold / "solver.prototxt", "SolverParameter")
    net = read_prototxt(trained_fold / "train_val.prototxt", "NetParameter")
    batch = data_layer(net, 1).data_param.batch_size
    assert solver.test_iter[0] * batch == len(read_datums(trained_fold / "val_lmdb"))


@pytest.mark.parametrize(("views", "epochs", "length", "interval"), [(3200, 0, 200, 50), (9001, 2, 282, 141)])
def test_the_length_of_an_adapting_follows_the_number_of_views(tmp_path, views, epochs, length, interval):
    """A number of iterations that was the same for all sets was a tenth of what 2,250 cells want."""
    record = replace(PAPER_FOLD, train_lmdb=replace(PAPER_FOLD.train_lmdb, entries=views))
    profile = dataclasses.replace(read_profile("quick"), adapt_epochs=epochs)
    schedule = resolve_fold(tmp_path, record, RUN, profile, 0, adapting=True)
    solver = read_prototxt(tmp_path / "solver.prototxt", "SolverParameter")
    assert (solver.max_iter, solver.test_interval, solver.snapshot) == (length, interval, interval)
    assert (schedule.batch_size, schedule.snapshots_after(0)) == (64, length // interval)


@pytest.mark.parametrize(("least", "short"), [(11, False), (20, True)])
def test_a_training_that_is_too_short_says_so(copy_of, built_fold, monkeypatch, least, short):
    """Of a run that began before small sets got more views, or of few cells in Herlev's shape."""
    from deeppap.training import train_fold as module

    _, fold = copy_of(built_fold, "snapshots", "model.json", "train.log")
    said, own = [], module.run_profile
    monkeypatch.setattr(module, "run_profile", lambda run: dataclasses.replace(own(run), least_iterations=least))
    monkeypatch.setattr(module, "train", lambda *args, **kinds: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        module.train_fold(fold, module.TrainOptions(), said.append)
    lines = [line for line in said if line.startswith("!!") and "9 iterations" in line and "20 of profile" in line]
    assert bool(lines) is short
