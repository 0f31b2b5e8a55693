"""Input that means harm: climbing paths, forged names, HTML, files far too large; and nothing is unpickled."""

import csv
import os
import re
import resource
import shutil

import cv2
import numpy as np
import pytest

from data_prep.manifest import read_manifest
from data_prep.prepare import prepare_fold
from data_prep.views import Grid
from deeppap.io.caffe_messages import read_prototxt
from deeppap.io.errors import UserError
from deeppap.io.names import unquoted
from deeppap.records import Request, RunRecord
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.classify import cells_in_csv
from tests.support.caffe_nets import read_datums
from tests.support.checkout import ROOT


@pytest.fixture
def manifest(tmp_path):
    """Write a manifest beside one image: (rows) -> its path."""
    folder = tmp_path / "set"
    folder.mkdir()
    image = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    cv2.imwrite(str(folder / "a.png"), image)
    cv2.imwrite(str(tmp_path / "outside.png"), image)

    def write(*rows, header=("image", "label", "nucleus_x", "nucleus_y")):
        path = folder / "cells.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write


CLIMBS = ["../outside.png", "x/../../outside.png", "/etc/passwd", "", "a.png\0.png", "link.png", "linked/outside.png"]


@pytest.mark.parametrize("name", CLIMBS)
def test_a_path_that_leaves_the_manifests_folder_is_refused(manifest, name):
    path = manifest(["a.png", 0, 5, 5], [name, 1, 5, 5])
    (path.parent / "link.png").symlink_to(path.parent.parent / "outside.png")
    (path.parent / "linked").symlink_to(path.parent.parent)
    choice = ViewChoice(Grid(1, 1), 1, 1)
    for read in (read_manifest, lambda listing: cells_in_csv(listing, choice)):
        with pytest.raises(UserError) as caught:
            read(path)
        assert "line 3" in caught.value.where or "NUL" in str(caught.value)
    path = manifest(["a.png", 0, "../outside.png"], header=("image", "label", "mask"))
    with pytest.raises(UserError, match="line 2"):
        read_manifest(path)


NAMES = ["quote'\"s", "Zelle-äöü-細胞", "=1+1", "semi;colon,comma", "<script>alert(1)<_script>", "-rf"]


def test_strange_file_names_go_through_everything(phantom, tmp_path):
    """From the folder to the LMDB's keys, cells.csv and back."""
    root = tmp_path / "cells"
    shutil.copytree(phantom, root)
    folder = root / "severe_dysplastic"
    for name, image in zip(NAMES, sorted(folder.glob("*[0-9].BMP")), strict=False):
        image.with_name(f"{image.stem}-d.bmp").rename(folder / f"{name}-d.bmp")
        image.rename(folder / f"{name}.BMP")
    fold, _ = prepare_fold(Request(data=(str(root),), profile="smallest"), 0, 1, "run", tmp_path / "runs")
    keys = [key for name in ("train_lmdb", "val_lmdb") for key, _ in read_datums(fold / name)]
    assert set(NAMES) <= {key.split("_", 1)[1] for key in keys}
    with (fold.parent / "cells.csv").open(newline="", encoding="utf-8") as file:
        assert set(NAMES) <= {unquoted(row["id"]) for row in csv.DictReader(file)}


def test_a_message_is_one_printable_line_whatever_is_in_it():
    text = str(UserError("a\nb\x1b[1m\udcff", "x\ty", "\u202egnp.exe", "do\r"))
    assert text.isprintable() and "\\n" in text


def grown(function, *arguments):
    """How many kB the process' peak memory grew by while it refused, and its message."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as caught:
        function(*arguments)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, str(caught.value)


def test_a_gigabyte_is_not_read(manifest, tmp_path):
    """As a prototxt, as JSON, and as one line of a manifest."""
    json, path = tmp_path / RunRecord.FILE, manifest(["a.png", 0, 5, 5])
    for file in (json, path):
        file.touch()
        os.truncate(file, 1 << 30)
    reads = [
        (read_prototxt, json, "SolverParameter"),
        (RunRecord.read, tmp_path),
        (read_manifest, path),
    ]
    for function, *arguments in reads:
        kilobytes, message = grown(function, *arguments)
        assert kilobytes < 20_000, message
    path.write_text("image,label,nucleus_x,nucleus_y\n" + "a" * 3_000_000)
    with pytest.raises(UserError, match="a line of|field larger"):
        read_manifest(path)


# an import of a library that loads pickles, a call that runs text, and a np.load that may unpickle
RUNS_DATA = re.compile(
    r"^\s*(import|from) (pickle|cPickle|dill|joblib|shelve|marshal|cloudpickle|yaml)\b"
    r"|(?<![.\w])(eval|exec|compile|__import__)\(|\b(np|numpy)\.load\((?!.*allow_pickle=False)",
    re.MULTILINE,
)


def test_nothing_is_unpickled_or_evaluated_anywhere():
    for line in ("from pickle import loads", "x = eval(text)", "a = np.load(path)", "a = np.load(path, mmap_mode='r')"):
        assert RUNS_DATA.search(line)
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name != "tests" and path.name[0] != "."]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(files) > 60
    assert [path for path in files if RUNS_DATA.search(path.read_text(encoding="utf-8"))] == []
