"""A Caffe net as ONNX: read from its prototxt and .caffemodel, and proven against Caffe layer by layer."""
