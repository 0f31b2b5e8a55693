"""A deploy prototxt, which may come from anybody: read once, and checked before Caffe builds a layer of it.

A prototxt is a program: Caffe has layers that run Python, overwrite files, or read files by their path. So a net from
elsewhere is made of the layers of this project's nets alone, and within bounds. The nets in this checkout's prototxt/
belong to its user, who may give them any layer that Caffe has.
"""

import math
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from google.protobuf.message import Message

from deeppap.engines.net_geometry import IN_PLACE, OPTIONS, Shapes, layer_shapes, unknown_part, window_of
from deeppap.io.caffe_messages import ROOT, read_prototxt, write_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import digest

LAYERS = 64  # NucleusFCN has 21, ConvNet-T 23
NUMBER = 4096  # a layer's outputs, kernel, stride and so on: CaffeNet's fc6 has as many outputs
WEIGHTS = 100_000_000  # values in all; CaffeNet has 61 million
VALUES = 100_000_000  # of all blobs, as the prototxt has its batch; ConvNet-T: 15 million
COLUMNS = 20_000_000  # of an unrolled convolution, which Caffe keeps once a core; CaffeNet: 2 million
VIEW = 256  # pixels: the side of a view, and of its mean image
IMAGE_WORK = 4_000_000_000  # products for one input; CaffeNet: 0.8 billion
SLOWER = 20  # products of a convolution that take Caffe as long as one value in a window of pooling
ONE_LAYER = {"name", "type", "bottom", "top", "param"}  # fields besides the options of its type
RATES = {"lr_mult", "decay_mult"}  # of `param`: left from a train_val, and without effect on scores
# names that the net's graphs in ONNX have for parts of their own, and Caffe for copies of a blob; an empty one is none
TAKEN = re.compile(
    r"|layer_means|mean|views|crop_prob|crops|crop\d+|(views|crop_prob|crops|crop\d+)/.*"
    r"|.*/(weights|bias|flat|apart)|.*_split(_\d+)?",
    re.DOTALL,
)
DO = "Take a net of this project. A net of your own is scored in the checkout whose prototxt/ defines it."


@dataclass(frozen=True)
class Deploy:
    """A net that may be built: a NetParameter."""

    path: Path  # where it was read; nothing reads it again
    message: Message = field(repr=False)
    # of its blobs, by name, and of its parameters, a list by layer; None if this checkout's own net has a layer that
    # only Caffe knows
    shapes: tuple[Shapes, dict[str, list[list[int]]]] | None = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest of the net as Caffe reads it, as records have it."""
        return _digest(self.message)

    def is_as_written(self, sha256: str) -> bool:
        """Whether a record's digest is of this net; of a net of own classes it is of two outputs, as in prototxt/."""
        return sha256 in (self.sha256, _digest(_with_outputs(self.message, 2)))


def read_deploy(deploy: "Path | Deploy") -> Deploy:
    """Read and check a deploy prototxt; one that was read before is handed back.

    Raises UserError naming the layer of a net from elsewhere that is not allowed.
    """
    if isinstance(deploy, Deploy):
        return deploy
    message = read_prototxt(deploy, "NetParameter")
    try:
        return Deploy(deploy, message, allowed_shapes(message))
    except ValueError as error:
        if _digest(_with_outputs(message, 2)) in _own_nets(ROOT):
            return Deploy(deploy, message, None)
        raise UserError(deploy, "a net of this project's layers, within bounds", str(error), DO) from None


def crop_and_classes(deploy: Deploy, blobs: Shapes) -> tuple[int, int]:
    """The side of the input of a net that scores crops, and the number of its outputs; `blobs` are its shapes.

    Raises UserError for a net without an input `data` of square BGR crops of a view, or without an output `prob` of
    two at least.
    """
    found = [blobs.get(name, []) for name in ("data", "prob")]
    (data, prob), side = found, found[0][-1:]
    if data[1:] != [3, *side, *side] or not side[0] <= VIEW or len(prob) != 2 or prob[1] < 2:
        expected = f"a blob data of N x 3 x 227 x 227, or up to {VIEW}, and a blob prob of N x K"
        texts = ("x".join(map(str, shape)) or "none" for shape in found)
        raise UserError(deploy.path, expected, " and ".join(texts), "Give a deploy prototxt of ConvNet-T.")
    return side[0], prob[1]


def require_blob(deploy: Deploy, name: str) -> None:
    """UserError if a net has no blob of that name."""
    blobs = dict.fromkeys(top for layer in deploy.message.layer for top in layer.top)
    if name not in blobs:
        raise UserError(deploy.path, f"a blob {name}", ", ".join(blobs), "Give ConvNet-T's prototxt.")


def allowed_shapes(net: Message) -> tuple[Shapes, dict[str, list[list[int]]]]:
    """The shapes of a net's blobs and parameters; ValueError with the reason if it is not allowed."""
    # the formats of 2014 and before (`layers`, `input_dim`) would be upgraded by Caffe after this check
    other = [part.name for part, _ in net.ListFields() if part.name not in ("name", "layer")]
    if other:
        raise ValueError(f"the field {other[0]}")
    if not 2 <= len(net.layer) <= LAYERS:
        raise ValueError(f"{len(net.layer)} layers")
    blobs: Shapes = {}
    params: dict[str, list[list[int]]] = {}
    work = 0
    for layer in net.layer:
        what = f"layer {layer.name} of type {layer.type}"
        _require_options(layer, what)
        _require_wired(layer, blobs, params, what)
        below = [blobs[name] for name in layer.bottom]
        try:
            shape, weights = layer_shapes(layer, below)
        except (ArithmeticError, ValueError) as error:
            raise ValueError(f"{what} that does not fit: {error}") from None
        if min(shape) < 1 or any(min(one) < 1 for one in weights):
            raise ValueError(f"{what} with an output of {shape}")
        # a small file can ask for any amount of memory or time: counted before Caffe is asked
        work += _work(layer, below, shape, weights, what)
        blobs[layer.top[0]] = shape
        params[layer.name] = weights
    # without working in place, such a layer makes a blob of its own name
    if both := [layer.name for layer in net.layer if layer.name in blobs and layer.top[0] in layer.bottom]:
        raise ValueError(f"a layer in place called {both[0]}, as a blob is")
    total = sum(math.prod(one) for some in params.values() for one in some)
    values = sum(math.prod(shape) for shape in blobs.values())
    for what, found, most in (
        ("weights", total, WEIGHTS),
        ("values in its blobs", values, VALUES),
        ("products an image", work, IMAGE_WORK),
    ):
        if found > most:
            raise ValueError(f"{found:,} {what}, more than {most:,}")
    return blobs, {name: shapes for name, shapes in params.items() if shapes}


def _require_options(layer: Message, what: str) -> None:
    """Fields of the layer's own type alone, and numbers in their range."""
    if reason := unknown_part(layer):
        raise ValueError(f"{what}{reason}")
    own = OPTIONS[layer.type][0]
    for part, value in layer.ListFields():
        if part.name not in ONE_LAYER | {own}:
            raise ValueError(f"{what} with {part.name}")
        if part.name == "param" and any(one.name not in RATES for param in value for one, _ in param.ListFields()):
            raise ValueError(f"{what} whose param has more than {' and '.join(sorted(RATES))}")
    for name, number in _numbers(getattr(layer, own)):
        # 0 is Caffe's own value of a field that does not apply, so only a padding may be set to it
        if not (name == "pad" or number >= 1) or number > NUMBER:
            raise ValueError(f"{what} with {name}: {number}")


def _numbers(options: Message) -> Iterator[tuple[str, int]]:
    """Every whole number that is set in a layer's options; an Input's dimensions among them."""
    for part, value in options.ListFields():
        if part.name == "shape":
            for shape in value:
                yield from (("dim", dim) for dim in shape.dim)
        elif part.cpp_type in (part.CPPTYPE_UINT32, part.CPPTYPE_INT32, part.CPPTYPE_INT64):
            for number in value if part.label == part.LABEL_REPEATED else [value]:
                yield part.name, number


def _require_wired(layer: Message, blobs: Shapes, names: dict[str, object], what: str) -> None:
    """One input first, then layers that take what is there and make one blob more, or work in place."""
    if layer.name in names:
        raise ValueError(f"{what} twice")
    for name in (layer.name, *layer.top):
        if TAKEN.fullmatch(name):
            raise ValueError(f"{what} with the name {name!r}, which is not free")
    if (layer.type == "Input") != (not blobs):
        raise ValueError(f"{what}: one Input, as the first layer, is allowed")
    inputs = {"Input": (0, 0), "Concat": (1, 8)}.get(layer.type, (1, 1))
    if len(layer.top) != 1 or not inputs[0] <= len(layer.bottom) <= inputs[1]:
        raise ValueError(f"{what} with {len(layer.bottom)} inputs and {len(layer.top)} outputs")
    # Caffe splits a blob that several layers take; a cycle or a blob from nowhere ends its process
    missing = [name for name in layer.bottom if name not in blobs]
    if missing:
        raise ValueError(f"{what} that takes {missing[0]}, which no layer before it makes")
    in_place = layer.top[0] in layer.bottom and layer.type in IN_PLACE
    if layer.top[0] in blobs and not in_place:
        raise ValueError(f"{what} that makes {layer.top[0]} again")


def _work(layer: Message, below: list[list[int]], shape: list[int], weights: list[list[int]], what: str) -> int:
    """Products of one image in a layer, or what takes Caffe as long."""
    if layer.type in ("Pooling", "LRN"):
        window = window_of(layer).kernel ** 2 if layer.type == "Pooling" else layer.lrn_param.local_size
        return SLOWER * window * math.prod(shape[1:])
    if not weights:
        return 0
    # a deconvolution is a convolution from its output to its input
    places = math.prod((below[0] if layer.type == "Deconvolution" else shape)[2:])
    channels = (shape if layer.type == "Deconvolution" else below[0])[1]
    if len(weights[0]) == 4 and channels * math.prod(weights[0][2:]) * places > COLUMNS:
        raise ValueError(f"{what} that unrolls to more than {COLUMNS:,} values")
    return math.prod(weights[0]) * places


def _with_outputs(net: Message, outputs: int) -> Message:
    """A copy with so many outputs of the last layer: their number is the data set's, and no other part is."""
    copy = deepcopy(net)
    for layer in [layer for layer in copy.layer if layer.type == "InnerProduct"][-1:]:
        layer.inner_product_param.num_output = outputs
    return copy


def _digest(message: Message) -> str:
    return digest(write_prototxt(message))


@cache
def _own_nets(root: Path) -> frozenset[str]:
    """Digests of the nets that this checkout defines, each with two outputs."""
    files = (root / "prototxt").rglob("deploy.prototxt")
    return frozenset(_digest(_with_outputs(read_prototxt(path, "NetParameter"), 2)) for path in files)
