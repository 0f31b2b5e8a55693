"""From cell images to what Caffe trains on: cells, folds, views, patch LMDBs and the mean image."""

import os

# read when OpenCV is loaded: a JPEG or TIFF header that claims more is refused before memory is taken for it
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "100000000")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # our own line says it
