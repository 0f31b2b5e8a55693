"""The exported net beside its .caffemodel: made and proven once, known again by the checksums of both."""

import errno
import hashlib
from pathlib import Path

from deeppap.engines.crops import seeded_crops
from deeppap.io.caffe_messages import read_prototxt, write_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import digest, read_json, sha256_file, write_bytes, write_json

VERSION = 1  # of the exporter: a graph that an older one made is made again
CROPS = 4  # that a graph is proven on


def cached_graph(deploy: Path, weights: Path) -> bytes:
    """The net as ONNX, from beside the weights where it was exported before.

    Raises
    ------
    UserError
        If the net cannot be exported, or its graph does not give what Caffe gives.
    """
    net = write_prototxt(read_prototxt(deploy, "NetParameter"))
    if not weights.is_file():
        raise UserError(weights, "a .caffemodel", "no such file", "Give the path of a trained model.")
    key = digest(VERSION, sha256_file(weights), net)
    file, record = weights.with_suffix(".onnx"), weights.with_suffix(".onnx.json")
    graph = _kept(file, record, key)
    if graph is None:
        graph = proven_graph(deploy, weights)
        try:
            write_bytes(file, graph)
            write_json(record, {"made_from": key, "sha256": hashlib.sha256(graph).hexdigest()})
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            # a folder or a disk that is only read: exported anew each time
    return graph


def _kept(file: Path, record: Path, key: str) -> bytes | None:
    """What was kept, if it is whole and of this net and these weights."""
    if not (file.is_file() and record.is_file()):
        return None
    try:
        facts = read_json(record, "tools/evaluate.py")
    except UserError:
        return None
    graph = file.read_bytes()
    same = isinstance(facts, dict) and facts.get("made_from") == key
    return graph if same and facts.get("sha256") == hashlib.sha256(graph).hexdigest() else None


def proven_graph(deploy: Path, weights: Path) -> bytes:
    """Export a net and compare it with Caffe on seeded crops."""
    try:
        from deeppap.engines.onnx_export.graph import net_graph
    except ImportError:
        raise UserError("onnx", "the package that writes the graph", "none", "Run make engines.") from None
    from deeppap.engines.onnx_export.proof import prove

    model = net_graph(deploy, weights)
    names = [value.name for value in (*model.graph.input, *model.graph.output)]
    if names != ["data", "prob"]:
        raise UserError(deploy, "blobs named data and prob", ", ".join(names), "Give a deploy prototxt of ConvNet-T.")
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim][1:]
    prove(model, deploy, weights, seeded_crops(CROPS, shape))
    return model.SerializeToString()
