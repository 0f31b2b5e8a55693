"""From cell images to what Caffe trains on: cells, folds, views, patch LMDBs and the mean image."""
