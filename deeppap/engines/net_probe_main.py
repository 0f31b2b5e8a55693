"""net_probe_main.py DEPLOY: print as JSON the shapes of a net's parameters and blobs, as Caffe builds it.

A program of its own, for Caffe ends the process where a net is wrong; net_probe starts it. It loads Caffe's compiled
module alone: importing pycaffe as a whole, with scikit-image, takes three times as long.
"""

import importlib.util
import json
import sys
from pathlib import Path

TEST = 1  # caffe.proto's Phase

folder = Path(importlib.util.find_spec("caffe").origin).parent
spec = importlib.util.spec_from_file_location("_caffe", folder / "_caffe.so")
_caffe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(_caffe)

net = _caffe.Net(sys.argv[1], TEST)
params = {
    name: [list(blob.shape) for blob in layer.blobs]
    for name, layer in zip(net._layer_names, net.layers, strict=True)
    if len(layer.blobs)
}
blobs = {name: list(blob.shape) for name, blob in zip(net._blob_names, net._blobs, strict=True)}
print(json.dumps({"params": params, "blobs": blobs}))
