"""A blob's values read from its bytes are those that protobuf gives one by one."""

import struct

import numpy as np

from deeppap.io.caffe_messages import blob_values, caffe_pb2

ODD = [0.0, -0.0, 1.5, float("nan"), float("inf"), 1e-45, -3.4028235e38]


def test_the_values_are_protobufs_own_to_the_bit():
    blob = caffe_pb2().BlobProto(num=1, channels=2)
    blob.shape.dim.extend([7])
    blob.data.extend(ODD)
    blob.diff.extend([9.0])  # another packed field
    found = blob_values(blob)
    assert found.dtype == np.float32 and not found.flags.writeable
    assert found.tobytes() == np.array(list(blob.data), np.float32).tobytes()


def test_numbers_written_one_by_one_are_read_too():
    """As a writer without `packed` leaves them: field 5 of wire type 5, again and again."""
    blob = caffe_pb2().BlobProto.FromString(b"".join(b"\x2d" + struct.pack("<f", value) for value in (1.0, 2.5)))
    assert blob_values(blob).tolist() == [1.0, 2.5]


def test_a_blob_without_single_floats_has_no_values():
    blob = caffe_pb2().BlobProto(num=1)
    blob.double_data.extend([1.0, 2.0])
    assert blob_values(blob).shape == (0,)
