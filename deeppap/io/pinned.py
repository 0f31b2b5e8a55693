"""What the project pins, read from the one file that states it."""

import re

from deeppap.io.caffe_messages import ROOT

REFERENCE = "bvlc_reference_caffenet.caffemodel"
MODEL = ROOT / "models/bvlc_reference_caffenet"
SOURCE = ROOT / "third_party/caffe/source.env"


def facts() -> dict[str, str]:
    """The front matter of the reference model's readme: caffemodel, caffemodel_url, sha1."""
    text = (MODEL / "readme.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+): (\S.*)$", text.split("---")[1], re.MULTILINE))


def caffe_commit() -> str:
    """The commit of BVLC Caffe that third_party/caffe fetches and builds, 40 digits."""
    return re.search(r"^CAFFE_COMMIT=(\w+)$", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)[1]
