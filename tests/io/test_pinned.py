"""Caffe's commit and the reference weights' sha1 stand in one file each; all else reads them there."""

import re

import caffe_select

from deeppap.io.pinned import MODEL, REFERENCE, SOURCE, caffe_commit, facts
from tests.support.checkout import ROOT

FOLDERS = ("benchmarks", "data_prep", "deeppap", "experiments", "prototxt", "tests", "third_party", "tools")


def holders(text: str) -> set[str]:
    """Files of code, tests and scripts with `text` in them."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*") if path.suffix != ".pyc"]
    return {str(path.relative_to(ROOT)) for path in paths if path.is_file() and text.encode() in path.read_bytes()}


def test_caffes_commit_has_one_owner():
    assert re.fullmatch("[0-9a-f]{40}", caffe_commit())
    assert holders(caffe_commit()) == {str(SOURCE.relative_to(ROOT))}


def test_what_caffe_says_of_itself_is_that_commit():
    """caffe_select.py is copied into the environment, where there is no file to read it from."""
    assert f"({caffe_commit()[:7]})" in caffe_select.describe()


def test_the_reference_weights_sha1_has_one_owner():
    known = facts()
    assert re.fullmatch("[0-9a-f]{40}", known["sha1"])
    assert known["sha1"] in (MODEL / "readme.md").read_text()
    assert holders(known["sha1"]) == set()
    assert known["caffemodel"] == REFERENCE
