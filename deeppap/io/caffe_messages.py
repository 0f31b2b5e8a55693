"""Caffe's protobuf messages without Caffe's library.

`caffe.proto` is generated and installed with Caffe; loading it alone takes milliseconds, importing
`caffe` a second. Whoever imports `caffe` afterwards shares the very same module.
"""

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError, Message

from deeppap.io.errors import UserError
from deeppap.io.files import digest, read_file

ROOT = Path(__file__).resolve().parents[2]  # of the checkout: prototxt/, models/ and profiles.toml lie there
NAME = "caffe.proto.caffe_pb2"
MESSAGES = Path(sys.prefix) / "lib/caffe/messages/caffe_pb2.py"
MAX_TEXT = 16_000_000  # bytes; the largest net of Caffe's zoo is 100 kB
MAX_BINARY = 2**31 - 1  # bytes; protobuf's own limit
BLOB_DATA = 5  # field number of BlobProto's `repeated float data [packed = true]`


def caffe_pb2() -> ModuleType:
    """The module `caffe.proto.caffe_pb2`: of the installed Caffe, else the one that `make score` compiled."""
    if NAME not in sys.modules:
        spec = importlib.util.find_spec("caffe")
        file = Path(spec.origin).parent / "proto/caffe_pb2.py" if spec and spec.origin else MESSAGES
        if not file.is_file():
            do = "Run make caffe, or make score if nothing is to be trained."
            raise UserError("caffe", "BVLC Caffe in this Python", "none", do)
        spec = importlib.util.spec_from_file_location(NAME, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[NAME]


def prototxt_folder(classes: int) -> Path:
    """Where the hand-written net of two or seven classes lies."""
    return ROOT / "prototxt" / ("seven_class" if classes == 7 else "")


def training_prototxt(classes: int, adapting: bool = False) -> dict[str, Path]:
    """The hand-written solver, train_val and deploy of a training; a net is adapted by a solver of its own."""
    net = prototxt_folder(classes)
    training = ROOT / "prototxt" / "adapt" if adapting else net
    return {
        "solver": training / "solver.prototxt",
        "train_val": training / "train_val.prototxt",
        "deploy": net / "deploy.prototxt",
    }


def in_phase(layer: Message, phase: int) -> bool:
    """Whether Caffe puts a layer into the net of a phase, by its rules at level 0 and without stages."""

    def meets(rule: Message) -> bool:
        levels = rule.min_level <= 0 and (not rule.HasField("max_level") or rule.max_level >= 0)
        return levels and not rule.stage and (not rule.HasField("phase") or rule.phase == phase)

    return any(map(meets, layer.include)) if layer.include else not any(map(meets, layer.exclude))


def data_layer(net: Message, phase: int) -> Message:
    """The Data layer of a phase (caffe.TRAIN 0, caffe.TEST 1)."""
    return next(layer for layer in net.layer if layer.type == "Data" and in_phase(layer, phase))


def read_prototxt(path: Path, message: str) -> Message:
    """Read a prototxt: `message` is NetParameter or SolverParameter.

    Raises
    ------
    UserError
        With the line and column of a syntax error or an unknown field.
    """
    expected = f"a {message} prototxt"
    data = read_file(path, expected, MAX_TEXT, "Give the right file.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(path, expected, "a file that is not text", "Give the right file.") from None
    return parse_prototxt(text, message, path)


def parse_prototxt(text: str, message: str, where: Path | str) -> Message:
    """Parse the text of a prototxt."""
    try:
        return text_format.Parse(text, getattr(caffe_pb2(), message)())
    except (text_format.ParseError, RecursionError) as error:
        raise UserError(where, f"a {message} prototxt", f"{error}", "Mend that line.") from None


def write_prototxt(message: Message) -> str:
    """The text of a message, as Caffe reads it."""
    return text_format.MessageToString(message, float_format=".9g")


def prototxt_digest(path: Path, message: str) -> str:
    """A sha256 over a prototxt as Caffe reads it, so that a comment changes nothing."""
    return digest(write_prototxt(read_prototxt(path, message)))


@contextmanager
def prototxt_file(message: Message) -> Iterator[Path]:
    """A message as a file while the block lasts: Caffe reads nets from files alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(write_prototxt(message))
        file.flush()
        yield Path(file.name)


def read_binary(path: Path, message: str, do: str) -> Message:
    """Read a binary message (NetParameter, SolverState, BlobProto); `do` is what to do about a wrong file."""
    expected = f"a {message} file"
    data = read_file(path, expected, MAX_BINARY, do)
    if not data:
        raise UserError(path, expected, "an empty file", do)
    try:
        return getattr(caffe_pb2(), message).FromString(data)
    except DecodeError:
        raise UserError(path, expected, f"{len(data):,} bytes that are none, or cut short", do) from None


def blob_values(blob: Message) -> np.ndarray:
    """A BlobProto's `data`, float32 (n,), an array of its own; eight times faster than number by number."""
    packed = _PACKED.FromString(blob.SerializeToString()).data
    return np.frombuffer(packed, "<f4").astype(np.float32)


def _packed_blob() -> type[Message]:
    """A message that reads a BlobProto's packed floats as the bytes that they are on the wire."""
    file = descriptor_pb2.FileDescriptorProto(name="packed_blob.proto", syntax="proto2")
    field = descriptor_pb2.FieldDescriptorProto
    file.message_type.add(name="PackedBlob").field.add(
        name="data", number=BLOB_DATA, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("PackedBlob"))


_PACKED = _packed_blob()
