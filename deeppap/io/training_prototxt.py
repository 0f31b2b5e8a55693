"""The hand-written solver and net of a training: read together, with every field that the tools could not keep refused.

Each field of Caffe's SolverParameter, NetParameter, DataParameter and TransformationParameter is in one of three
groups. Caffe gets it as it is written, a fold's own value takes its place, or it is refused unless it has Caffe's
default value (`REFUSED`). docs/reference/solver.md has the same table for readers.
"""

import math
import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message

from deeppap.io.caffe_messages import data_layer, in_phase, read_prototxt, write_prototxt
from deeppap.io.errors import UserError

TRAIN, TEST = 0, 1

_ONE_NET = "Write one net file with both phases, and name it in net."
_BY_PHASE = "Choose layers by their phase."
_IGNORED = "Caffe ignores it here. Write it in transform_param."
_RAW = "It acts on encoded images; the views are stored as pixels."
_SCORING = "Scoring subtracts the mean image and nothing else."

# a field and what to do instead; scoring or resuming would go wrong without a word
REFUSED = {
    "SolverParameter": {
        **dict.fromkeys(("net_param", "train_net", "train_net_param", "test_net", "test_net_param"), _ONE_NET),
        **dict.fromkeys(("train_state", "test_state"), _BY_PHASE),
        "weights": "Give them to tools/train.py by `weights`, which checks and records them.",
        "snapshot_after_train": "An interrupted training continues from that snapshot.",
        "snapshot_format": "An HDF5 snapshot does not say what it was trained on, so no tool here could score it.",
    },
    "NetParameter": {
        "state": _BY_PHASE,
        "layers": "Convert the file with upgrade_net_proto_text.",
        **dict.fromkeys(("input", "input_shape", "input_dim"), "Data layers read the views."),
    },
    "DataParameter": {
        **dict.fromkeys(("scale", "mean_file", "crop_size", "mirror"), _IGNORED),
        "rand_skip": "Caffe's Data layer ignores it.",
        "force_encoded_color": _RAW,
    },
    "TransformationParameter": {
        **dict.fromkeys(("scale", "mean_value"), _SCORING),
        **dict.fromkeys(("force_color", "force_gray"), _RAW),
    },
}

# solvers by their old number, how many values each remembers of a weight, and whether Caffe lets it have momentum
SOLVERS = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
TWO_HISTORIES = ("AdaDelta", "Adam")
NO_MOMENTUM = ("AdaGrad", "RMSProp")

# what each policy computes the rate from; Caffe takes 0 for what is missing, and the net stops learning
POLICIES = {
    "fixed": (),
    "step": ("gamma", "stepsize"),
    "exp": ("gamma",),
    "inv": ("gamma", "power"),
    "multistep": ("gamma", "stepvalue"),
    "poly": ("power",),
    "sigmoid": ("gamma", "stepsize"),
}


@dataclass(frozen=True)
class TrainingPrototxt:
    """A training's hand-written files as messages: SolverParameter, and NetParameter twice."""

    solver: Message
    train_val: Message
    deploy: Message

    @property
    def batch(self) -> int:
        """Images of one forward pass in training."""
        return data_layer(self.train_val, TRAIN).data_param.batch_size


def solver_type(solver: Message) -> str:
    """The kind of a solver, which older files give as a number."""
    return SOLVERS[solver.solver_type] if solver.HasField("solver_type") else solver.type


def histories(solver: Message) -> int:
    """How many values a solver keeps of each weight, and so writes into a .solverstate."""
    return 2 if solver_type(solver) in TWO_HISTORIES else 1


def read_training(files: dict[str, Path], outputs: int) -> TrainingPrototxt:
    """Read and check the files of `training_prototxt`, whose nets must have so many outputs.

    Raises UserError for a field that a training or its scores could not keep, and for files that do not fit together.
    """
    solver = read_prototxt(files["solver"], "SolverParameter")
    train_val, deploy = (read_prototxt(files[name], "NetParameter") for name in ("train_val", "deploy"))
    _check_solver(files["solver"], solver, files["train_val"])
    require_outputs(files["train_val"], train_val, outputs)
    require_outputs(files["deploy"], deploy, outputs)
    _check_net(files["train_val"], train_val)
    _check_inputs(files["train_val"], train_val, deploy)
    _require_same_layers(files["train_val"], train_val, deploy)
    return TrainingPrototxt(solver, train_val, deploy)


def refused_fields(message: Message) -> Iterator[tuple[str, str]]:
    """The refused fields that a message sets to something else than their default: as text, and what to do."""
    reasons = REFUSED[message.DESCRIPTOR.name]
    for field, value in message.ListFields():
        is_one = field.label != field.LABEL_REPEATED and field.message_type is None
        if field.name in reasons and not (is_one and value == field.default_value):
            only = deepcopy(message)
            for other, _ in message.ListFields():
                if other.name != field.name:
                    only.ClearField(other.name)
            yield " ".join(write_prototxt(only).split())[:80], reasons[field.name]


def _refuse(path: Path, message: Message, layer: str = "") -> None:
    for found, do in refused_fields(message):
        raise UserError(path, f"{layer}{re.split('[ :]', found)[0]} left out", found, do)


def _require(holds: object, path: Path, expected: str, found: object, do: str) -> None:
    if not holds:
        raise UserError(path, expected, f"{found:g}" if isinstance(found, float) else f"{found}", do)


def _check_solver(path: Path, solver: Message, train_val: Path) -> None:
    _refuse(path, solver)
    wanted = "/".join(train_val.parts[-2:])
    _require(Path(solver.net).parts[-2:] == train_val.parts[-2:], path, f'net: "{wanted}"', f'"{solver.net}"', _ONE_NET)
    for name in ("max_iter", "test_interval", "display", "iter_size", "average_loss"):
        _require(getattr(solver, name) >= 1, path, f"{name} of 1 or more", getattr(solver, name), f"Correct {name}.")
    _require(len(solver.test_iter) <= 1, path, "one test_iter", len(solver.test_iter), _ONE_NET)
    do = "Only a snapshot that is tested can be selected."
    same = f"snapshot: {solver.test_interval}, as test_interval"
    _require(solver.snapshot == solver.test_interval, path, same, solver.snapshot, do)
    even = f"a max_iter that test_interval {solver.test_interval} divides"
    _require(solver.max_iter % solver.test_interval == 0, path, even, solver.max_iter, do)
    _check_method(path, solver)


def _check_method(path: Path, solver: Message) -> None:
    """The solver's kind, rate policy and regularization, which Caffe asks for only when it needs them."""
    both = solver.HasField("type") and solver.HasField("solver_type")
    _require(not both, path, "type or solver_type", "both", "Remove solver_type.")
    kind, policy = solver_type(solver), solver.lr_policy
    _require(kind in SOLVERS, path, f"a type of {', '.join(SOLVERS)}", kind, "Correct type.")
    if kind in NO_MOMENTUM:
        _require(solver.momentum == 0, path, f"momentum: 0 with {kind}", solver.momentum, "Remove momentum.")
    _require(policy in POLICIES, path, f"an lr_policy of {', '.join(POLICIES)}", policy or "none", "Correct lr_policy.")
    for name in POLICIES[policy]:
        given = len(solver.stepvalue) if name == "stepvalue" else solver.HasField(name)
        _require(given, path, f"{name} for lr_policy {policy}", "none", f"Add {name}.")
    if "stepsize" in POLICIES[policy]:
        _require(solver.stepsize >= 1, path, "stepsize of 1 or more", solver.stepsize, "Correct stepsize.")
    steps = list(solver.stepvalue)
    _require(steps == sorted(steps), path, "ascending stepvalue", steps, "Caffe takes them in the order of the file.")
    # Caffe trains on with these too, and what it has then learned is nothing
    for field, value in solver.ListFields():
        if isinstance(value, float):
            signed = field.name in ("power", "clip_gradients")  # -1, the default, clips nothing
            fits = math.isfinite(value) and (value >= 0 or signed)
            expected = f"a finite {field.name}{'' if signed else ' of at least 0'}"
            _require(fits, path, expected, value, f"Correct {field.name}.")
    for name in ("momentum", "momentum2", "rms_decay"):
        value = getattr(solver, name)
        _require(value <= 1, path, f"{name} from 0 to 1", value, f"Correct {name}.")
    if solver.HasField("base_lr"):
        _require(solver.base_lr > 0, path, "base_lr above 0", solver.base_lr, "Correct base_lr.")
    kinds = ("L1", "L2")
    found = solver.regularization_type
    _require(found in kinds, path, "a regularization_type of L1 or L2", found, "Correct regularization_type.")


def _check_net(path: Path, net: Message) -> None:
    """Two Data layers, one a phase, and a test that prints the loss and the accuracy."""
    _refuse(path, net)
    for phase, name in ((TRAIN, "TRAIN"), (TEST, "TEST")):
        inputs = [layer for layer in net.layer if in_phase(layer, phase) and not layer.bottom]
        found = ", ".join(f"{layer.name} ({layer.type})" for layer in inputs) or "none"
        expected = f"one layer without a bottom in phase {name}, of type Data"
        _require([layer.type for layer in inputs] == ["Data"], path, expected, found, "A fold's views are two LMDBs.")
    layers = [layer for layer in net.layer if in_phase(layer, TEST)]
    for name in ("loss", "accuracy"):
        made = [layer.name for layer in layers if name in layer.top]
        used = [layer.name for layer in layers if name in layer.bottom]
        expected = f'a top "{name}" of one layer in phase TEST, used by no other'
        do = "Snapshots are selected by the loss in the log, and the accuracy is reported."
        _require(len(made) == 1 and not used, path, expected, ", ".join(made + used) or "none", do)
    shared = [layer.name for layer in net.layer if any(param.name for param in layer.param)]
    do = "Remove the name of its param: a snapshot holds the history of shared weights once."
    _require(not shared, path, "weights of its own in each layer", f"shared ones in {', '.join(shared)}", do)


def _check_inputs(path: Path, net: Message, deploy: Message) -> None:
    """What the Data layers do to a view, which scoring repeats."""
    crop = _input_size(deploy)
    for phase, name in ((TRAIN, "TRAIN"), (TEST, "TEST")):
        layer = data_layer(net, phase)
        where, data, transform = f"Data layer of {name}: ", layer.data_param, layer.transform_param
        _refuse(path, data, where)
        _refuse(path, transform, where)
        _require(len(layer.top) == 2, path, f"{where}two tops, images and labels", len(layer.top), "Correct its tops.")
        _require(data.backend == data.LMDB, path, f"{where}backend: LMDB", "LEVELDB", "The views are in LMDBs.")
        for count in ("batch_size", "prefetch"):
            value = getattr(data, count)
            _require(value >= 1, path, f"{where}{count} of 1 or more", value, f"Correct {count}.")
        size = transform.crop_size
        _require(size == crop, path, f"{where}crop_size: {crop}, the input of deploy.prototxt", size, "Change both.")
        _require(transform.HasField("mean_file"), path, f"{where}a mean_file", "none", _SCORING)
    mirror = data_layer(net, TEST).transform_param.mirror
    _require(not mirror, path, "mirror: false in phase TEST", "true", "Caffe would mirror validation views at random.")


def _input_size(deploy: Message) -> int:
    shapes = [shape for layer in deploy.layer for shape in layer.input_param.shape]
    return [*shapes, *deploy.input_shape][0].dim[-1] if shapes or deploy.input_shape else deploy.input_dim[-1]


def require_outputs(path: Path, net: Message, classes: int) -> None:
    """The net must have one output a class: a label beyond them reads out of bounds in Caffe."""
    outputs = [layer.inner_product_param.num_output for layer in net.layer if layer.type == "InnerProduct"]
    expected = f"{classes} outputs of the last layer"
    _require(outputs[-1:] == [classes], path, expected, outputs[-1:], "Correct its num_output.")


def _require_same_layers(path: Path, net: Message, deploy: Message) -> None:
    """The net that scores is the net that was trained: a stride changed in one file alone fits every shape."""
    own = _computing(layer for layer in net.layer if in_phase(layer, TEST))
    theirs = _computing(deploy.layer)
    for name in [*theirs, *own]:
        if own.get(name) != theirs.get(name):
            found = "another one" if name in own and name in theirs else "it in one of the two"
            raise UserError(path, f"layer {name} as in deploy.prototxt", found, "Change both files.")


def _computing(layers: Iterable[Message]) -> dict[str, Message]:
    """The layers that a score depends on, by name, without what acts in training alone."""
    kept = {}
    for layer in layers:
        if not layer.bottom or layer.type in ("Input", "Dropout", "Accuracy", "Softmax") or layer.type.endswith("Loss"):
            continue
        kept[layer.name] = copy = deepcopy(layer)
        for field in ("param", "include", "exclude", "phase", "propagate_down", "loss_weight"):
            copy.ClearField(field)
        for field, value in copy.ListFields():
            if field.message_type is not None and field.label != field.LABEL_REPEATED:
                for filler in ("weight_filler", "bias_filler", "filler"):
                    if filler in value.DESCRIPTOR.fields_by_name:
                        value.ClearField(filler)
    return kept
