"""Caffe's protobuf messages without Caffe's library.

`caffe.proto` is generated and installed with Caffe; loading it alone takes milliseconds, importing
`caffe` a second. Whoever imports `caffe` afterwards shares the very same module.
"""

import hashlib
import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from deeppap.io.errors import UserError
from deeppap.io.files import digest, read_file

ROOT = Path(__file__).resolve().parents[2]  # of the checkout: prototxt/, models/ and profiles.toml lie there
NAME = "caffe.proto.caffe_pb2"
MESSAGES = Path(sys.prefix) / "lib/caffe/messages/caffe_pb2.py"
MAX_TEXT = 1_000_000  # bytes; the largest net of Caffe's zoo is 100 kB
MAX_BINARY = 600_000_000  # bytes; CaffeNet's weights are 244 MB
MAX_PARTS = 100_000  # fields of a binary message, those of its parts included; a solverstate of CaffeNet has a hundred
BLOB_DATA = 5  # field number of BlobProto's `repeated float data [packed = true]`


def caffe_pb2() -> ModuleType:
    """The module `caffe.proto.caffe_pb2`: of the installed Caffe, else the one that `make score` compiled."""
    # under Caffe's own name, since protobuf's pool takes each message only once
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


def written_outputs(classes: int | str, adapting: bool = False) -> int:
    """Outputs of the hand-written net, which are set to those of the data where it is resolved for a fold."""
    return 7 if classes == 7 and not adapting else 2


def training_prototxt(classes: int | str, adapting: bool = False) -> dict[str, Path]:
    """The hand-written solver, train_val and deploy of a training; a net is adapted by a solver of its own."""
    net = prototxt_folder(written_outputs(classes, adapting))
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

    Raises UserError with the line and column of a syntax error or an unknown field.
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
        raise UserError(where, f"a {message} prototxt", f"{error}", "Correct that line.") from None


def write_prototxt(message: Message) -> str:
    """The text of a message, as Caffe reads it."""
    # nine digits give a float32 back exactly
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


def read_binary(path: Path, message: str, do: str, sha256: str | None = None) -> Message:
    """Read a binary message: NetParameter, SolverState or BlobProto; `do` says what to do about a wrong file.

    `sha256` is of the file's bytes: those that are checked are then those that are parsed.

    Raises UserError for a file that is missing, damaged, changed, or of far more parts than any net has.
    """
    expected, kind = f"a {message} file", getattr(caffe_pb2(), message)
    data = read_file(path, expected, MAX_BINARY, do)
    # protobuf reads no bytes as a message with nothing in it
    if not data:
        raise UserError(path, expected, "an empty file", do)
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise UserError(path, f"bytes of sha256 {sha256[:12]}", "others", do)
    try:
        _count_parts(memoryview(data), kind.DESCRIPTOR, 0)
        return kind.FromString(data)
    except UnicodeDecodeError:
        raise UserError(path, f"{expected} whose names are UTF-8", "other bytes in one", do) from None
    except OverflowError:
        raise UserError(path, f"{expected} of at most {MAX_PARTS:,} parts", "more", do) from None
    except (DecodeError, IndexError):
        raise UserError(path, expected, f"{len(data):,} bytes that are none, or cut short", do) from None


def _count_parts(data: memoryview, kind: Descriptor, parts: int) -> int:
    """Add a message's fields to `parts`; OverflowError beyond MAX_PARTS, IndexError where it is cut short.

    A part of two bytes takes some hundred in memory: 600 MB of them would take all memory that there is.
    """
    at = 0
    while at < len(data):
        parts += 1
        if parts > MAX_PARTS:
            raise OverflowError
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            _, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            field = kind.fields_by_number.get(key >> 3)
            if field is None:
                pass
            elif field.message_type is not None:
                parts = _count_parts(data[at : at + size], field.message_type, parts)
            elif field.type == field.TYPE_STRING:
                str(data[at : at + size], "utf-8")
            elif field.cpp_type not in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE) and size > MAX_PARTS:
                raise OverflowError  # a byte each in the file, eight in memory
            at += size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise IndexError  # a group, which no message of Caffe's has
    return parts


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
    raise IndexError


def blob_values(blob: Message) -> np.ndarray:
    """A BlobProto's `data`, float32 (n,), to read alone; ten times faster than number by number."""
    # the floats lie in the file as in memory, little-endian: their bytes are the array
    packed = _PACKED.FromString(blob.SerializeToString()).data
    return np.frombuffer(packed, "<f4").astype(np.float32, copy=False)


def set_blob_values(blob: Message, values: np.ndarray) -> None:
    """Give a BlobProto other `data`, float32 (n,); its shape stays."""
    for name in ("data", "double_data"):
        blob.ClearField(name)
    blob.MergeFromString(_PACKED(data=values.astype("<f4").tobytes()).SerializeToString())


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
