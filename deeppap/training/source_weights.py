"""The source net's weights: where they are, and whether they are what the transfer needs."""

import os
from pathlib import Path

from deeppap.engines.net_probe import probe_net
from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.caffe_messages import prototxt_folder, read_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.io.pinned import MODEL, REFERENCE, facts
from deeppap.training.resolve import transferred_layers

PLACES = (Path(REFERENCE), MODEL / REFERENCE)
DO = f"Get {REFERENCE} with tools/download_weights.py, or give another with --weights."


def find_weights(given: str | None) -> Path | None:
    """What was given, else the environment's WEIGHTS, else where download_weights puts them, else None."""
    given = given or os.environ.get("WEIGHTS")
    if given:
        return Path(given)
    return next((path for path in PLACES if path.exists()), None)


def transferred_shapes(classes: int, shapes: Shapes) -> Shapes:
    """Of a net's parameter shapes, those of the transferred layers (conv1 to conv5)."""
    net = read_prototxt(prototxt_folder(classes) / "train_val.prototxt", "NetParameter")
    return {name: shapes[name] for name in transferred_layers(net)}


def check_source_weights(path: Path, classes: int = 2, shapes: Shapes | None = None) -> dict:
    """Require conv1 to conv5 whole in `path`, and none of the new layers; says what the file is.

    A file that holds the new layers too is a snapshot: `-weights` would copy them without a word.
    """
    shapes = shapes or probe_net(prototxt_folder(classes) / "deploy.prototxt")["params"]
    sha1 = facts()["sha1"]
    if path.name == REFERENCE and path.is_file() and (found := sha256_file(path, "sha1")) != sha1:
        raise UserError(path, f"sha1 {sha1}", found, f"{DO} A file of other weights needs another name.")
    transferred = transferred_shapes(classes, shapes)
    net = check_weights(path, transferred, DO)
    names = {layer.name for layer in [*net.layers, *net.layer] if layer.blobs}
    new = sorted((set(shapes) - set(transferred)) & names)
    if new:
        found = f"a snapshot of ConvNet-T itself, with {', '.join(new)}"
        raise UserError(path, "the source net's weights", found, "To go on with a run, run tools/train.py without it.")
    return {"path": str(path), "name": path.name, "sha256": sha256_file(path)}


def require_weights(given: str | None) -> Path:
    """As `find_weights`, but none is an error: starting from scratch is never by accident."""
    path = find_weights(given)
    if path is None:
        raise UserError(REFERENCE, "the source net's weights", "none", f"{DO} Or use --from-scratch.")
    return path
