import os

import pytest

from deeppap.io.caffe_messages import read_binary
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.training.resolve import Schedule
from deeppap.training.snapshots import list_snapshots, newest_complete, prune, select_model


@pytest.fixture(scope="module")
def pair(tmp_path_factory, net_shapes):
    """One whole snapshot pair of iteration 9, written by Caffe itself from random values."""
    import caffe

    from deeppap.io.caffe_messages import write_prototxt
    from tests.support.caffe_nets import hand_written

    folder = tmp_path_factory.mktemp("pair")
    net = hand_written("train_val")
    del net.layer[1]
    net.layer[0].Clear()
    net.layer[0].name, net.layer[0].type = "data", "DummyData"
    net.layer[0].top.extend(["data", "label"])
    for shape in ([1, 3, 227, 227], [1]):
        net.layer[0].dummy_data_param.shape.add().dim.extend(shape)
    (folder / "net.prototxt").write_text(write_prototxt(net))
    text = (
        f'net: "{folder}/net.prototxt" base_lr: 0 lr_policy: "fixed" snapshot_prefix: "{folder}/convnet_t" max_iter: 9'
    )
    (folder / "solver.prototxt").write_text(text + " solver_mode: CPU display: 0")
    caffe.set_mode_cpu()
    solver = caffe.get_solver(str(folder / "solver.prototxt"))
    solver.step(1)
    solver.snapshot()
    return folder / "convnet_t_iter_1.caffemodel", folder / "convnet_t_iter_1.solverstate"


@pytest.fixture
def folder(tmp_path, pair):
    """Snapshots 1 (whole) and 12 (numbers sort as numbers, not as text)."""
    (tmp_path / "snapshots").mkdir()
    for path in pair:
        os.link(path, tmp_path / "snapshots" / path.name)
    return tmp_path / "snapshots"


def later(folder, pair, iteration):
    """A whole pair of a later iteration, made from the first."""
    model, state = (folder / path.name.replace("_1.", f"_{iteration}.") for path in pair)
    os.link(pair[0], model)
    message = read_binary(pair[1], "SolverState", "")
    message.iter = iteration
    state.write_bytes(message.SerializeToString())
    return model, state


def test_newest_whole_pair(folder, pair, net_shapes):
    assert newest_complete(folder, net_shapes)[0].iteration == 1
    later(folder, pair, 12)
    later(folder, pair, 9)
    found, passed = newest_complete(folder, net_shapes)
    assert (found.iteration, passed) == (12, [])
    assert [s.iteration for s in list_snapshots(folder)] == [12, 9, 1]


def cut(path, keep=0.5):
    data = path.read_bytes()
    path.unlink()  # it is a link
    path.write_bytes(data[: int(len(data) * keep)])


@pytest.mark.parametrize(
    ("which", "damage"),
    [
        (0, lambda path: path.unlink()),
        (1, lambda path: path.unlink()),
        (0, cut),
        (1, cut),
        (1, lambda path: cut(path, 0)),
    ],
)
def test_a_damaged_pair_is_passed_over_and_named(folder, pair, net_shapes, which, damage):
    path = later(folder, pair, 12)[which]
    damage(path)
    found, passed = newest_complete(folder, net_shapes)
    assert found.iteration == 1
    assert len(passed) == 1
    assert passed[0].startswith("passing over iteration 12: ")
    assert path.name in passed[0]


def log(folder, losses):
    lines = []
    for iteration, loss in losses.items():
        lines.append(f"I1123 solver.cpp:347] Iteration {iteration}, Testing net (#0)")
        lines.append("I1123 solver.cpp:414]     Test net output #0: accuracy = 0.5")
        lines.append(f"I1123 solver.cpp:414]     Test net output #1: loss = {loss} (* 1 = {loss} loss)")
    (folder.parent / "train.log").write_text("\n".join(lines))


SCHEDULE = Schedule(4, 3, 16)


@pytest.mark.parametrize(
    ("rule", "losses", "iteration"),
    [
        ("paper", {0: 0.1, 4: 0.5, 8: 0.3, 12: 0.4}, 8),  # 0 has no snapshot
        ("inner", {0: 0.1, 4: 0.5, 8: 0.3, 12: 0.4}, 8),
        ("paper", {4: 0.3, 8: 0.3, 12: 0.4}, 4),  # the earlier of two equals
        ("paper", {4: "nan", 8: 0.9, 12: "nan"}, 8),
        ("last", {4: 0.5, 8: 0.3, 12: 0.4}, 12),
    ],
)
def test_selection(folder, pair, rule, losses, iteration):
    for number in (4, 8, 12):
        (folder / f"convnet_t_iter_{number}.caffemodel").write_bytes(b"%d" % number)
    log(folder, losses)
    model = select_model(folder.parent, rule, SCHEDULE, "a" * 64)
    assert (model.iteration, model.epoch, model.select) == (iteration, iteration / 4, rule)
    assert model.val_loss == losses[iteration]
    chosen = folder.parent / model.snapshot
    assert chosen.name == f"convnet_t_iter_{iteration}.caffemodel"
    assert model.weights_sha == sha256_file(chosen)
    prune(folder, chosen)
    assert list(folder.iterdir()) == [chosen]


def test_no_model_where_nothing_was_validated(folder):
    log(folder, {4: "nan"})
    for rule in ("paper", "last"):
        with pytest.raises(UserError, match="a snapshot with a validation loss"):
            select_model(folder.parent, rule, SCHEDULE, "a" * 64)
