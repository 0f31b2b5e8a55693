"""net_probe_main.py DEPLOY: print as JSON the shapes of a net's parameters and blobs, as Caffe builds it.

A program of its own, for Caffe ends the process where a net is wrong; net_probe starts it.
"""

import json
import sys

import caffe

net = caffe.Net(sys.argv[1], caffe.TEST)
params = {name: [list(blob.data.shape) for blob in blobs] for name, blobs in net.params.items()}
blobs = {name: list(blob.data.shape) for name, blob in net.blobs.items()}
print(json.dumps({"params": params, "blobs": blobs}))
