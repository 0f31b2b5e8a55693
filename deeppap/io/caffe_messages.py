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

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

from deeppap.io.errors import UserError
from deeppap.io.files import digest

ROOT = Path(__file__).resolve().parents[2]  # of the checkout: prototxt/, models/ and profiles.toml lie there
NAME = "caffe.proto.caffe_pb2"
MAX_TEXT = 16_000_000  # bytes; the largest net of Caffe's zoo is 100 kB
MAX_BINARY = 2**31 - 1  # bytes; protobuf's own limit


def caffe_pb2() -> ModuleType:
    """The module `caffe.proto.caffe_pb2` of the installed Caffe."""
    if NAME not in sys.modules:
        spec = importlib.util.find_spec("caffe")
        file = Path(spec.origin).parent / "proto/caffe_pb2.py" if spec and spec.origin else None
        if file is None or not file.is_file():
            raise UserError("caffe", "BVLC Caffe in this Python", "none", "Run make caffe, then . .venv/bin/activate")
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


def data_layer(net: Message, phase: int) -> Message:
    """The Data layer of a phase (caffe.TRAIN 0, caffe.TEST 1)."""
    return next(layer for layer in net.layer if layer.type == "Data" and layer.include[0].phase == phase)


def read_prototxt(path: Path, message: str) -> Message:
    """Read a prototxt: `message` is NetParameter or SolverParameter.

    Raises
    ------
    UserError
        With the line and column of a syntax error or an unknown field.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_TEXT:
            found = f"{path.stat().st_size:,} bytes"
            raise UserError(path, f"a prototxt of at most {MAX_TEXT:,} bytes", found, "Give the right file.")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(path, f"a {message} prototxt", "no such file", "Give the right path.") from None
    except UnicodeDecodeError:
        raise UserError(path, f"a {message} prototxt", "a file that is not text", "Give the right file.") from None
    except OSError as error:
        raise UserError(path, f"a {message} prototxt", error.strerror or str(error), "Give the right file.") from None
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
    """Read a binary message (NetParameter, SolverState, BlobProto), refusing what is no such thing."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BINARY:
            found = f"{path.stat().st_size:,} bytes"
            raise UserError(path, f"a {message} file of at most {MAX_BINARY:,} bytes", found, do)
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(path, f"a {message} file", "no such file", do) from None
    except OSError as error:
        raise UserError(path, f"a {message} file", error.strerror or str(error), do) from None
    if not data:
        raise UserError(path, f"a {message} file", "an empty file", do)
    try:
        return getattr(caffe_pb2(), message).FromString(data)
    except DecodeError:
        found = f"{len(data):,} bytes that are none, or cut short"
        raise UserError(path, f"a {message} file", found, do) from None
