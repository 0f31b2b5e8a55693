"""Damage what a model folder holds, and read it: `python -m tests.support.fuzz_models KIND COUNT SEED FOLDER`.

It is a process of its own, so that an abort is seen: the last input stays in FOLDER. A reader may give a value or a
UserError of one printable line, within 30 s and 2 GB.
"""

import copy
import json
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from data_prep import profiles
from data_prep.image_hashes import FOLD_IMAGES, SOURCE_IMAGES, seen_images
from data_prep.mean_image import SHAPE, read_mean, write_mean
from deeppap.engines.deploy import read_deploy
from deeppap.engines.weights_file import check_weights
from deeppap.io.caffe_messages import ROOT, prototxt_file
from deeppap.io.errors import UserError
from deeppap.io.files import write_arrays
from deeppap.records import FoldRecord, ModelRecord, Recipe, RunRecord, ScoreRecord, SplitRecord
from deeppap.scoring.ood import OODReference
from deeppap.scoring.open_nets import SUMS, open_release
from tests.support.caffe_nets import named_net
from tests.support.records import fold_record, run_record
from tests.support.synthetic_run import model_record, score_record

SECONDS, KILOBYTES = 30, 2_000_000
SHAPES = {"conv1": [[8, 3, 2, 2], [8]], "fc8_t": [[2, 8], [2]]}
NUMBERS = ("0", "1", "-1", "2", "7", "255", "4096", "65536", "2147483647", "4294967295", "1e30", "nan", "99999999999")
STRANGE = (None, True, 0, -1, 1e308, 2**70, "", "x", "../x", "/etc/passwd", "\0\n\x1b[2J", "\ud800", [], {}, [[]] * 3)
KINDS: dict[str, Callable[[random.Random, Path], tuple[Path, Callable]]] = {}


def kind(function: Callable) -> Callable:
    """Register a kind: it writes a damaged input into a folder, and returns its path and what reads it."""
    KINDS[function.__name__] = function
    return function


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Some bytes replaced, inserted, repeated or cut."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, way = rng.randrange(len(data) + 1), rng.randrange(4)
        if way == 0:
            data[at : at + rng.randrange(4)] = rng.randbytes(rng.randrange(5))
        elif way == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif way == 2:
            data[at:at] = data[at : at + rng.randrange(40)] * rng.randint(1, 3)
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def mutated(value: object, rng: random.Random) -> object:
    """One place of a JSON value changed: another kind of value, a key more or less, an entry twice."""
    value = copy.deepcopy(value)
    places = [(None, None)]
    stack = [value]
    while stack:
        here = stack.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        places += [(here, key) for key in keys]
        stack += [here[key] for key in keys]
    at, key = rng.choice(places)
    strange = rng.choice(STRANGE)
    if at is None:
        return strange
    way = rng.randrange(5)
    if way == 0:
        del at[key]
    elif way == 1 and isinstance(at, dict):
        at[f"{key}x"] = at.pop(key)
    elif way == 2 and isinstance(at, list):
        at.insert(key, at[key])
    elif way == 3 and isinstance(at[key], int | float | str):
        at[key] = at[key] * rng.choice((-1, 2, 1000)) if at[key] else 1
    else:
        at[key] = strange
    return value


def record(file: str, whole: Callable[[Path], msgspec.Struct], read: Callable) -> None:
    """Register a record's kind under its file's name."""

    def damage(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
        path = folder / file
        text = json.dumps(mutated(msgspec.to_builtins(whole(folder)), rng))
        path.write_bytes(damaged(text.encode(), rng) if rng.random() < 0.2 else text.encode())
        return path, read

    KINDS[file] = damage


def _scores(folder: Path) -> ScoreRecord:
    (folder / "scores.csv").touch()
    return score_record(folder)


record("run.json", lambda _: run_record(), lambda path: RunRecord.read(path.parent))
record("fold.json", lambda _: fold_record(), lambda path: FoldRecord.read(path.parent))
record("model.json", lambda _: model_record(), lambda path: ModelRecord.read(path.parent))
record("training.json", lambda _: model_record().recipe, lambda path: Recipe.read(path.parent))
record("scores.json", _scores, lambda path: ScoreRecord.beside(path.with_suffix(".csv")))
record(
    "split.json",
    lambda _: SplitRecord.of("cell", 1, "a" * 64, [["a"], ["b"], ["c"], ["d"], ["e"]]),
    lambda path: SplitRecord.read(path.parent),
)


@kind
def sums(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """A release's checksums; none of its files is there."""
    text = "".join(f"{i:064x}  fold{i}/model.json\n" for i in range(3))
    (folder / SUMS).write_bytes(damaged(text.encode(), rng))
    return folder / SUMS, lambda path: open_release(path.parent)


@kind
def images(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """The checksums of the images that a fold, and its source, have learned from."""
    rows = "".join(f"c{i},{part},{i:064x}\r\n" for i, part in enumerate(("train", "inner", "test")))
    (folder / FOLD_IMAGES).write_bytes(damaged(f"id,part,sha256\r\n{rows}".encode(), rng))
    path = folder / SOURCE_IMAGES
    path.write_bytes(damaged("".join(f"{i:064x}\n" for i in range(3)).encode(), rng))
    return path, lambda path: seen_images(path.parent)


@kind
def profile(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """profiles.toml."""
    words = (ROOT / "profiles.toml").read_text(encoding="utf-8").split(" ")
    words[rng.randrange(len(words))] = rng.choice((*NUMBERS, "", "x", "[", "]", '"a"', "{", "}", "\n", "[[1]]", "true"))
    profiles.FILE = folder / "profiles.toml"
    profiles.FILE.write_bytes(
        damaged(" ".join(words).encode(), rng) if rng.random() < 0.3 else " ".join(words).encode()
    )
    return profiles.FILE, lambda _: [profiles.read_profile("quick", plan) for plan in ("balanced", "unbalanced")]


@kind
def mean(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """mean.binaryproto; most of the damage near its ends, where its shape is."""
    path, whole = folder / "mean.binaryproto", folder / "whole"
    if not whole.exists():
        write_mean(whole, np.full(SHAPE, 100, np.float32))
    data = whole.read_bytes()
    path.write_bytes(damaged(data[:40], rng) + data[40:-40] + damaged(data[-40:], rng))
    return path, read_mean


@kind
def weights(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """A small .caffemodel: bytes, or a layer, blob or shape changed, doubled, or moved into the old format."""
    net = named_net(SHAPES, lambda count: [0.5] * count, "net")
    layer = rng.choice(net.layer)
    blob, way = rng.choice(layer.blobs), rng.randrange(8)
    if way == 0:
        blob.shape.dim[:] = [rng.choice((0, 1, -1, 8, 2**31, 2**62)) for _ in range(rng.randrange(6))]
    elif way == 1:
        blob.data[:] = [rng.choice((float("nan"), float("inf"), 1e38))] * rng.choice((0, 1, len(blob.data), 1000))
    elif way == 2:
        net.layer.add().CopyFrom(layer)
    elif way == 3:
        net.layers.add(name=layer.name).blobs.add().CopyFrom(blob)
    elif way == 4:
        layer.name = rng.choice(("", "x", "conv1 " * 1000))
    elif way == 5:
        layer.blobs.add().CopyFrom(blob)
    data = net.SerializeToString()
    path = folder / "net.caffemodel"
    path.write_bytes(damaged(data, rng) if way > 5 or rng.random() < 0.3 else data)
    return path, lambda path: check_weights(path, SHAPES, "Nothing.")


@kind
def deploy(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """A deploy prototxt: numbers, words, lines and bytes of one of ours; what is allowed is built by Caffe."""
    source = rng.choice(("", "nucleus_fcn"))
    text = (ROOT / "prototxt" / source / "deploy.prototxt").read_text(encoding="utf-8")
    words = text.replace("num_output: 1024", "num_output: 16").split(" ")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(words))
        if words[at].strip().isdigit():
            words[at] = rng.choice(NUMBERS)
        elif rng.random() < 0.5:
            words[at] = rng.choice(words)
        else:
            del words[at : at + rng.randrange(12)]
    data = " ".join(words).encode()
    path = folder / "deploy.prototxt"
    path.write_bytes(damaged(data, rng) if rng.random() < 0.2 else data)
    return path, _build


BUILT = {"allowed": 0, "refused by Caffe": 0}


def _build(path: Path) -> None:
    """Build an allowed net in a child, as `probe_net` does: Caffe ends it where it refuses the net."""
    allowed = read_deploy(path)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        import caffe

        with prototxt_file(allowed.message) as file:
            net = caffe.Net(str(file), caffe.TEST)
            net.forward()
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    assert used.ru_maxrss < KILOBYTES, f"{used.ru_maxrss} kB"
    BUILT["allowed" if status == 0 else "refused by Caffe"] += 1


@kind
def reference(rng: random.Random, folder: Path) -> tuple[Path, Callable]:
    """ood_reference.npz."""
    whole = folder / "whole"
    if not (whole / "ood_reference.npz").exists():
        arrays = [np.ones(4, np.float32), np.ones(4, np.float32), np.eye(4, dtype=np.float32), np.ones(3, np.float32)]
        OODReference("conv3", "a" * 64, *arrays, held_out=9).write(whole)
    data = (whole / "ood_reference.npz").read_bytes()
    if rng.random() < 0.3:
        names = ("layer", "weights_sha", "mean", "scale", "precision", "limits")
        strange = [np.zeros(rng.choice(((), 0, 3, (2, 2))), rng.choice(("f4", "f8", "U5", "c8", "?"))) for _ in names]
        write_arrays(folder / "ood_reference.npz", dict(zip(names, strange, strict=True)))
        data = (folder / "ood_reference.npz").read_bytes()
    (folder / "ood_reference.npz").write_bytes(damaged(data, rng))
    return folder / "ood_reference.npz", lambda path: OODReference.read(path.parent)


def main(name: str, count: str, seed: str, folder: str) -> None:
    """Read `count` damaged inputs of a kind."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, which is seen as a signal
    if name == "deploy":
        os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
        import caffe  # once, for all children

        caffe.set_mode_cpu()
    refused = 0
    for number in range(int(count)):
        rng = random.Random(f"{name} {seed} {number}")
        path, read = KINDS[name](rng, Path(folder))
        signal.alarm(SECONDS)
        try:
            read(path)
        except UserError as error:
            assert str(error).isprintable() and error.where
            refused += 1
        signal.alarm(0)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert used < KILOBYTES, f"{used} kB"
    print(f"{name}: {count} inputs, {refused} refused, {used // 1000} MB", BUILT if name == "deploy" else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
