"""Solver and net as Caffe's users change them: each field trains as the tools record it, or is refused by name."""

import math
import re
import shutil
from dataclasses import replace
from functools import partial

import pytest

from data_prep.profiles import batch_and_epochs, read_profile
from deeppap.io import caffe_messages
from deeppap.io.caffe_messages import caffe_pb2, read_binary, read_prototxt, training_prototxt, write_prototxt
from deeppap.io.errors import UserError
from deeppap.io.training_prototxt import REFUSED, read_training
from deeppap.records import FoldRecord, RunRecord
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training import resolve, train_fold
from deeppap.training.caffe_log import parse
from deeppap.training.snapshots import foreign, list_snapshots
from tests.support.caffe_nets import edit_once, read_datums
from tests.support.checkout import ROOT

LAYERS = 8
BATCH, EPOCHS = 24, 2


@pytest.fixture
def prototxt(tmp_path, monkeypatch):
    """A copy of the project's prototxt files, with a net of few filters: (file, old text, new text) edits one."""
    folder = tmp_path / "root/prototxt"
    shutil.copytree(ROOT / "prototxt", folder)
    for module in (caffe_messages, resolve):
        monkeypatch.setattr(module, "ROOT", tmp_path / "root")
    for name in ("train_val", "deploy"):
        net = read_prototxt(folder / f"{name}.prototxt", "NetParameter")
        for layer in net.layer:
            if layer.type in ("Convolution", "InnerProduct"):
                part = layer.convolution_param if layer.type == "Convolution" else layer.inner_product_param
                part.num_output = min(part.num_output, 4)
        (folder / f"{name}.prototxt").write_text(write_prototxt(net))

    return partial(edit_once, folder)


@pytest.fixture(scope="module")
def own_fold(built_fold, tmp_path_factory):
    run = tmp_path_factory.mktemp("fields") / built_fold.parent.name
    shutil.copytree(built_fold.parent, run, ignore=shutil.ignore_patterns(".lock", "snapshots", "model.json", "*.log"))
    return run / built_fold.name


@pytest.fixture
def fold(own_fold, monkeypatch):
    """The drawn fold, not yet trained: 144 views, two epochs."""
    for name in ("snapshots", "model.json", "train.log", "recipe.json"):
        path = own_fold / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    (own_fold / "snapshots").mkdir()
    own = train_fold.run_profile
    monkeypatch.setattr(train_fold, "run_profile", lambda run: replace(own(run), epochs=EPOCHS, batch_size=BATCH))
    return own_fold


STEP = """lr_policy: "step"
gamma: 0.1
stepsize: 4230        # ten epochs"""
MAX_ITER = 12690  # of the hand-written solver
MOMENTUM = "momentum: 0.9"


def policy(text):
    return STEP, f"{text}\n"


RATES = {
    "step": lambda at: 0.01 * 0.1 ** math.floor(at * 2),
    "multistep": lambda at: 0.01 * 0.1 ** (at >= 0.5),
    "poly": lambda at: 0.01 * (1 - at) ** 0.5,
    "inv": lambda at: 0.01 * (1 + 0.001 * at * MAX_ITER) ** -0.75,
    "exp": lambda at: 0.01 * 0.9999 ** (at * MAX_ITER),
    "sigmoid": lambda at: 0.01 / (1 + math.exp(-0.0005 * (at * MAX_ITER - MAX_ITER / 2))),
    "fixed": lambda _: 0.01,
}
HONOURED = [
    (
        "multistep",
        1,
        [
            policy('lr_policy: "multistep" gamma: 0.1 stepvalue: 6345'),
            (MOMENTUM, MOMENTUM + " iter_size: 2 average_loss: 3 clip_gradients: 0.5 snapshot_diff: true"),
            ("display: 20", "display: 20 debug_info: true test_compute_loss: true layer_wise_reduce: false"),
            ("test_initialization: true", "test_initialization: false"),
        ],
    ),
    ("poly", 1, [policy('lr_policy: "poly" power: 0.5 type: "Nesterov" regularization_type: "L1"')]),
    ("inv", 1, [policy('lr_policy: "inv" gamma: 0.001 power: 0.75 type: "AdaGrad"'), (MOMENTUM, "delta: 1e-7")]),
    ("exp", 1, [policy('lr_policy: "exp" gamma: 0.9999 solver_type: RMSPROP'), (MOMENTUM, "rms_decay: 0.98")]),
    ("sigmoid", 2, [policy('lr_policy: "sigmoid" gamma: 0.0005 stepsize: 6345 type: "AdaDelta"')]),
    ("fixed", 2, [policy('lr_policy: "fixed" type: "Adam" momentum2: 0.99')]),
]


@pytest.mark.parametrize(("lr_policy", "histories", "edits"), HONOURED, ids=[case[0] for case in HONOURED])
def test_a_field_that_is_kept_trains_and_resumes(prototxt, fold, lr_policy, histories, edits):
    for old, new in edits:
        prototxt("solver", old, new)
    iter_size = 2 if "iter_size" in str(edits) else 1
    epoch = math.ceil(FoldRecord.read(fold).train_lmdb.entries / (BATCH * iter_size))
    options = train_fold.TrainOptions(keep_snapshots=True)
    model = train_fold.train_fold(fold, options, say=lambda _: None)
    log = parse(fold / "train.log")
    first = [] if "test_initialization: false" in str(edits) else [0]
    assert [row[0] for row in log.test] == [*first, epoch, 2 * epoch]
    assert {row[0]: row[2] for row in log.train} == {
        i: pytest.approx(RATES[lr_policy](i / (2 * epoch)), rel=1e-3) for i in range(2 * epoch)
    }
    assert model.epoch * epoch == model.iteration
    pairs = list_snapshots(fold / "snapshots")
    assert [pair.iteration for pair in pairs] == [2 * epoch, epoch]
    assert len(read_binary(pairs[0].state, "SolverState", "").history) == histories * 2 * LAYERS
    if lr_policy not in ("multistep", "fixed"):  # of one and of two histories
        return
    # the newest state is cut short: training continues from the pair before it
    pairs[0].state.write_bytes(pairs[0].state.read_bytes()[:-20])
    (fold / "model.json").unlink()
    said = []
    train_fold.train_fold(fold, options, said.append)
    assert any(line.startswith(f"passing over iteration {2 * epoch}") for line in said)
    assert any(line.startswith(f"resuming from iteration {epoch}:") for line in said)
    assert list_snapshots(fold / "snapshots")[0].iteration == 2 * epoch


def test_images_seen_are_those_that_caffe_read(prototxt, fold):
    """After an epoch of accumulated batches Caffe stands where the schedule says, by the labels of its last batch."""
    import caffe

    prototxt("solver", MOMENTUM, MOMENTUM + " iter_size: 3")
    record = FoldRecord.read(fold)
    profile = replace(read_profile("smallest"), batch_size=10)
    schedule = resolve.resolve_fold(fold, record, RunRecord.read(fold.parent), profile, 0)
    assert schedule.batch_size == batch_and_epochs(profile, 2)[0] == 30
    solver = caffe.get_solver(str(fold / "solver.prototxt"))
    solver.step(schedule.iterations_per_epoch)
    labels = [datum.label for _, datum in read_datums(fold / "train_lmdb")]
    seen = schedule.iterations_per_epoch * schedule.batch_size
    assert seen - 30 < len(labels) <= seen
    last = [labels[i % len(labels)] for i in range(seen - 10, seen)]
    assert solver.net.blobs["label"].data.tolist() == last


TRANSFORM = "    crop_size: 227"
BACKEND = "backend: LMDB"
REFUSALS = [
    ("solver", 'net: "prototxt/train_val', 'net: "prototxt/other', r'net: "prototxt/train_val.prototxt", found "proto'),
    ("solver", "test_iter: 184", "test_iter: 184 test_iter: 10", "one test_iter, found 2"),
    ("solver", "test_interval: 423", "test_interval: 0", "test_interval of 1 or more, found 0"),
    ("solver", "snapshot: 423", "snapshot: 100", "snapshot: 423, as test_interval, found 100"),
    ("solver", "max_iter: 12690", "max_iter: 12700", "max_iter that test_interval 423 divides, found 12700"),
    ("solver", "display: 20", "display: 0", "display of 1"),
    ("solver", "display: 20", "display: 20 iter_size: 0", "iter_size of 1 or more, found 0"),
    ("solver", MOMENTUM, "momentum: 5", "momentum from 0 to 1, found 5"),
    ("solver", "base_lr: 0.01", "base_lr: -1", "base_lr of at least 0, found -1"),
    ("solver", "base_lr: 0.01", "base_lr: 0", "base_lr above 0, found 0"),
    ("solver", MOMENTUM, MOMENTUM + ' weights: "a.caffemodel"', "weights left out"),
    ("solver", MOMENTUM, MOMENTUM + " snapshot_after_train: false", "snapshot_after_train left out, found .*false"),
    ("solver", MOMENTUM, MOMENTUM + " snapshot_format: HDF5", "snapshot_format left out, found snapshot_format: HDF5"),
    ("solver", MOMENTUM, MOMENTUM + ' train_state { stage: "x" }', "train_state left out"),
    ("solver", MOMENTUM, MOMENTUM + ' type: "Adam" solver_type: ADAM', "type or solver_type, found both"),
    ("solver", MOMENTUM, MOMENTUM + ' type: "LBFGS"', "a type of SGD, .*, found LBFGS"),
    ("solver", MOMENTUM, MOMENTUM + ' type: "AdaGrad"', "momentum: 0 with AdaGrad, found 0.9"),
    ("solver", MOMENTUM, MOMENTUM + ' regularization_type: "L3"', "L1 or L2, found L3"),
    ("solver", 'lr_policy: "step"', 'lr_policy: "cosine"', "an lr_policy of fixed, .*, found cosine"),
    ("solver", "gamma: 0.1", "power: 2", "gamma for lr_policy step, found none"),
    ("solver", *policy('lr_policy: "multistep" gamma: 0.1 stepvalue: 9 stepvalue: 3'), "ascending stepvalue"),
    ("train_val", 'name: "ConvNet-T"', "state { level: 1 }", "state left out"),
    ("train_val", TRANSFORM, "    scale: 0.00390625 crop_size: 227", "TRAIN: scale left out, found scale: 0.0039"),
    ("train_val", TRANSFORM, "    crop_size: 224", "crop_size: 227, the input of deploy.prototxt, found 224"),
    ("train_val", "mirror: false", "mirror: true", "mirror: false in phase TEST"),
    ("train_val", '    mean_file: "data/fold/mean.binaryproto"\n', "", "a mean_file, found none"),
    ("train_val", BACKEND, "backend: LEVELDB", "backend: LMDB, found LEVELDB"),
    ("train_val", BACKEND, BACKEND + " force_encoded_color: true", "force_encoded_color left out"),
    ("train_val", BACKEND, BACKEND + " prefetch: 0", "prefetch of 1"),
    ("train_val", "batch_size: 256", "batch_size: 0", "batch_size of 1 or more, found 0"),
    ("train_val", '  top: "label"\n', "", "two tops, images and labels, found 1"),
    ("train_val", 'type: "Data"', 'type: "ImageData"', "in phase TRAIN, of type Data, found data .ImageData"),
    ("train_val", "include { phase: TRAIN }", "", "in phase TEST, of type Data, found data .Data., data .Data."),
    (
        "train_val",
        "include { phase: TRAIN }",
        'include { phase: TRAIN stage: "a" }',
        "phase TRAIN, of type Data, found none",
    ),
    ("train_val", 'top: "accuracy"', 'top: "top1"', '"accuracy" of one layer in phase TEST'),
    ("train_val", 'bottom: "label"\n  top: "loss"', 'bottom: "label"\n  top: "softmax"', '"loss" of one layer'),
    ("train_val", "param { lr_mult: 0.1", 'param { name: "w" lr_mult: 0.1', "shared ones in conv1"),
    ("train_val", "stride: 2", "stride: 3", "layer pool1 as in deploy.prototxt, found another"),
    ("deploy", 'layer { name: "relu7" type: "ReLU" bottom: "fc7_t" top: "fc7_t" }', "", "layer relu7 as in deploy"),
]


def edited(tmp_path, *edits):
    """The hand-written files with some texts replaced, read and checked."""
    folder = tmp_path / "prototxt"
    shutil.copytree(ROOT / "prototxt", folder, ignore=shutil.ignore_patterns("*_class", "adapt"))
    for name, old, new in edits:
        path = folder / f"{name}.prototxt"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    return read_training({key: folder / f"{key}.prototxt" for key in training_prototxt(2)}, 2)


@pytest.mark.parametrize(("name", "old", "new", "words"), REFUSALS, ids=[case[2].strip()[-40:] for case in REFUSALS])
def test_a_field_that_cannot_be_kept_is_refused_in_one_line(tmp_path, name, old, new, words):
    with pytest.raises(UserError) as caught:
        edited(tmp_path, (name, old, new))
    assert re.search(words, str(caught.value)) and str(caught.value).count("\n") == 0


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train_val", "lr_mult: 0.1", "lr_mult: 0"),  # a frozen layer
        ("train_val", "include { phase: TRAIN }", "exclude { phase: TEST }"),
        ("train_val", "mirror: true", "mirror: false scale: 1"),
        ("train_val", BACKEND, BACKEND + " prefetch: 8"),
        ("train_val", "dropout_ratio: 0.5", "dropout_ratio: 0.7"),
        ("train_val", "std: 0.01", "std: 0.02"),
        ("solver", MOMENTUM, MOMENTUM + " snapshot_format: BINARYPROTO snapshot_after_train: true"),
    ],
)
def test_what_changes_no_score_is_kept(tmp_path, name, old, new):
    edited(tmp_path, (name, old, new))


def test_a_snapshot_trained_by_hand_on_other_numbers_is_not_scored(trained_fold, trained_model, tmp_path):
    assert foreign(trained_model, trained_fold) is None
    net = read_binary(trained_model, "NetParameter", "")
    transform = next(layer for layer in net.layer if layer.type == "Data").transform_param
    transform.scale = 0.5
    (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
    assert foreign(tmp_path / "a.caffemodel", trained_fold) == "one trained with scale: 0.5"


@pytest.mark.parametrize(("name", "said"), [("a_iter_9.caffemodel.h5", "found HDF5 alone"), ("a.txt", "found none")])
def test_a_snapshot_in_hdf5_is_named(fold, name, said):
    (fold / "snapshots" / name).touch()
    with pytest.raises(UserError, match=said):
        TrainedModel.open(fold)


def test_every_field_is_in_the_reference():
    """A field of Caffe that the table does not know would be neither kept nor refused by intent."""
    table = (ROOT / "docs/reference/solver.md").read_text(encoding="utf-8")
    for kind in REFUSED:
        part = table.split(f"## {kind}\n")[1].split("\n## ")[0]
        known = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in part.splitlines() if "|" in line)))
        fields = {field.name for field in getattr(caffe_pb2(), kind).DESCRIPTOR.fields}
        assert known == fields
        assert REFUSED[kind].keys() <= fields
        for line in (line for line in part.splitlines() if line.startswith("| `")):
            for name in re.findall(r"`(\w+)`", line.split("|")[1]):
                assert ("refused" in line.split("|")[2]) == (name in REFUSED[kind]), name
