"""What our patch to pycaffe touches: reading and resizing images still works, as users of Caffe do it."""

import caffe
import cv2
import numpy as np


def test_an_image_is_read_as_caffe_has_it(tmp_path):
    bgr = np.random.default_rng(1).integers(0, 256, (6, 5, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    colour = caffe.io.load_image(str(tmp_path / "a.png"))
    assert (colour.dtype, colour.shape) == (np.float32, (6, 5, 3))
    np.testing.assert_allclose(colour, bgr[:, :, ::-1] / 255, atol=1e-6)
    assert caffe.io.load_image(str(tmp_path / "a.png"), color=False).shape == (6, 5, 1)


def test_images_of_any_number_of_channels_are_resized():
    values = np.random.default_rng(1).random((6, 5, 4)).astype(np.float32)
    for channels in (1, 3, 4):
        assert caffe.io.resize_image(values[:, :, :channels], (12, 10)).shape == (12, 10, channels)
