"""Fine-tuning ConvNet-T with `caffe train`: resolved prototxt, weights, snapshots, selection."""
