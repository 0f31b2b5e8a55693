"""A blob's values read from its bytes are those that protobuf gives one by one."""

import struct

import numpy as np
import pytest

from deeppap.io.caffe_messages import blob_values, caffe_pb2

ODD = [0.0, -0.0, 1.5, float("nan"), float("inf"), 1e-45, -3.4028235e38]


@pytest.mark.parametrize(
    "text",
    [
        caffe_pb2().BlobProto(channels=2, data=ODD, diff=[9.0]).SerializeToString(),
        # as a writer without `packed` leaves them: field 5 of wire type 5, again and again
        b"".join(b"\x2d" + struct.pack("<f", value) for value in ODD),
        caffe_pb2().BlobProto(double_data=[1.0, 2.0]).SerializeToString(),
    ],
)
def test_the_values_are_protobufs_own_to_the_bit(text):
    blob = caffe_pb2().BlobProto.FromString(text)
    found = blob_values(blob)
    assert found.dtype == np.float32 and not found.flags.writeable
    assert found.tobytes() == np.array(list(blob.data), np.float32).tobytes()
