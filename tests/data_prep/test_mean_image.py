import subprocess
import sys
from pathlib import Path

import numpy as np

from data_prep.mean_image import read_mean
from deeppap.io.caffe_messages import read_binary
from tests.support.caffe_nets import pixels, read_datums


def test_mean_is_the_exact_mean_of_the_training_lmdb(built_fold):
    views = [pixels(datum) for _, datum in read_datums(built_fold / "train_lmdb")]
    total = np.sum(views, axis=0, dtype=np.int64)
    assert np.array_equal(read_mean(built_fold / "mean.binaryproto"), (total / len(views)).astype(np.float32))


def test_mean_agrees_with_caffes_own_tool(built_fold, tmp_path):
    """Caffe adds up in float32 and divides: exact up to 2^24, that is 65,793 views, then rounding sets in.

    Here the sums are exact on both sides, so what is left is one rounding of the quotient: 1e-5 of 255.
    A fold of the paper's 108,208 views differs by up to 1e-2.
    """
    tool = Path(sys.prefix) / "bin/compute_image_mean"
    out = tmp_path / "caffes.binaryproto"
    done = subprocess.run([tool, built_fold / "train_lmdb", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, theirs = read_mean(built_fold / "mean.binaryproto"), read_mean(out)
    assert np.abs(ours - theirs).max() <= 255e-7
    assert ours.std() > 1  # and it is an image, not a constant
    first, second = (read_binary(p, "BlobProto", "") for p in (built_fold / "mean.binaryproto", out))
    assert [first.num, first.channels, first.height, first.width] == [1, 3, 256, 256]
    assert len(first.data) == len(second.data)
