"""Reading a .caffemodel so far as to know that it is whole and fits a net."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from google.protobuf.message import Message

from deeppap.io.caffe_messages import blob_values, read_binary
from deeppap.io.errors import UserError

Shapes = dict[str, list[list[int]]]
OTHER = "Give the model that belongs to this net."  # what to do about weights of another one


def layers_of(net: Message) -> dict[str, list[Message]]:
    """The parameter blobs of every layer that has any, in the current or in the 2014 format."""
    return {layer.name: list(layer.blobs) for layer in [*net.layers, *net.layer] if layer.blobs}


def blob_shape(blob: Message) -> list[int]:
    """A blob's shape; the 2014 format pads it to four axes with ones in front."""
    if blob.HasField("shape"):
        return list(blob.shape.dim)
    return [blob.num, blob.channels, blob.height, blob.width]


def blob_array(blob: Message) -> np.ndarray:
    """A blob's values, float32, in its shape."""
    return blob_values(blob).reshape(blob_shape(blob))


class Weights(NamedTuple):
    """A .caffemodel, and the values of the layers that were expected of it, each float32 (n,)."""

    net: Message
    values: dict[str, list[np.ndarray]]


def check_weights(path: Path, expected: Shapes, do: str, sha256: str | None = None) -> Weights:
    """Read a .caffemodel and require that it holds `expected` layers whole, in shape and finite.

    A file cut at a message boundary parses, with layers missing; Caffe would then train those from
    random values without a word. Other layers than the expected ones may be there. `sha256` is of the file's bytes,
    where it is known.

    Raises UserError for a file of other bytes, and naming the layers that are missing, misshapen or not finite.
    """
    net = read_binary(path, "NetParameter", do, sha256)
    # by name, as Caffe copies weights: a layer that is called otherwise would keep its random values
    have = layers_of(net)
    missing = [name for name in expected if name not in have]
    if missing:
        others = ", ".join(list(have)[:12]) or "no layer at all"
        raise UserError(path, f"weights of {', '.join(missing)}", f"only {others}", do)
    values = {}
    for name, shapes in expected.items():
        found = [blob_shape(blob) for blob in have[name]]
        if len(found) != len(shapes) or any(_trim(a) != _trim(b) for a, b in zip(found, shapes, strict=True)):
            raise UserError(path, f"{name} of shape {_text(shapes)}", _text(found), do)
        values[name] = [blob_values(blob) for blob in have[name]]
        for numbers, shape in zip(values[name], shapes, strict=True):
            if numbers.size != np.prod(shape):
                raise UserError(path, f"{np.prod(shape)} values in {name}", f"{numbers.size}", do)
            # a diverged training writes such files, and every score of it would be NaN or 0.5
            if not np.isfinite(numbers).all():
                bad = int((~np.isfinite(numbers)).sum())
                raise UserError(path, f"finite numbers in {name}", f"{bad} that are NaN or infinite", do)
    return Weights(net, values)


def _trim(shape: list[int]) -> list[int]:
    """A shape without the leading ones of the 2014 format."""
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _text(shapes: list[list[int]]) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes)
