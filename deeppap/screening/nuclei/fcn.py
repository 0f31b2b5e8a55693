"""The detector with a net: NucleusFCN's map of nuclei, in Caffe, its maxima read as nuclei."""

import os
from pathlib import Path

import numpy as np

from deeppap.engines.caffe_blobs import shaped_input
from deeppap.engines.net_probe import probe_net
from deeppap.engines.weights_file import check_weights
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.screening.nuclei.darkness import absorbance, darkness, rescale, to_original, whole
from deeppap.screening.nuclei.fcn_scale import STRIDE, WORK_MPP
from deeppap.screening.nuclei.maxima import maxima
from deeppap.screening.nuclei.nucleus import Nucleus, require_field
from deeppap.screening.nuclei.outline import outline_at
from deeppap.screening.nuclei.regions import WORK_MPP as REGION_MPP
from deeppap.screening.nuclei.regions import smooth
from deeppap.screening.nuclei.threshold import nucleus_of, within

DEPLOY = ROOT / "prototxt/nucleus_fcn/deploy.prototxt"
CONFIDENCE = 0.35  # between where F is highest on Cervix93 (0.4) and what recall on smears asks for
BLOCK = 36  # pixels at WORK_MPP that are a whole number of those that outlines are looked for in, 40
MULTIPLE = 4  # of both sides of the net's input: it is halved twice and enlarged again
FLIPS = ((1, 1), (1, -1), (-1, 1), (-1, -1))  # the map is the mean of these four views


class FcnDetector:
    """Finds nuclei with NucleusFCN.

    Parameters
    ----------
    weights : Path
        The .caffemodel; refused here where Caffe would end the process or go on with random values.
    confidence : float or None
        Maxima below it are left out; None takes the detector's own.
    """

    name = "fcn"
    work_mpp = WORK_MPP
    margin_um = 40.0  # what the net sees to each side, and the rim of an outline

    def __init__(self, weights: Path, confidence: float | None = None, deploy: Path = DEPLOY):
        facts = probe_net(deploy)
        check_weights(weights, facts["params"], "Train again with tools/train_detector.py, or give that net's weights.")
        os.environ.setdefault("GLOG_minloglevel", "2")
        import caffe

        caffe.set_mode_cpu()
        self.net = caffe.Net(str(deploy), caffe.TEST, weights=str(weights))
        self.weights = weights
        self.confidence = CONFIDENCE if confidence is None else confidence

    def detect(self, image: np.ndarray, mpp: float, background: float | None = None) -> list[Nucleus]:
        """See `Detector.detect`."""
        require_field(image, mpp)
        channel = rescale(absorbance(image, background), mpp, WORK_MPP)
        places, heights = maxima(self.map(channel), self.confidence)
        centres = to_original(places, channel.shape, image.shape[:2])
        blocks = whole(darkness(image, background), BLOCK)
        fine = smooth(rescale(blocks, mpp, REGION_MPP))
        scale = np.array([fine.shape[1] / blocks.shape[1], fine.shape[0] / blocks.shape[0]])
        regions, _ = outline_at(fine, (centres + 0.5) * scale - 0.5)
        nuclei = []
        for region, centre, height in zip(regions, centres.tolist(), heights.tolist(), strict=True):
            shape = nucleus_of(region, height, fine.shape, blocks.shape)
            nuclei.append(Nucleus(*centre, shape.area_um2, height, shape.outline))
        return within(nuclei, image.shape[:2], mpp)

    def map(self, channel: np.ndarray) -> np.ndarray:
        """The map of nuclei, float32 (ceil(H/2), ceil(W/2)), of a field's absorbance, uint8 (H, W) at WORK_MPP."""
        height, width = channel.shape
        size = tuple(-(-n // MULTIPLE) * MULTIPLE for n in channel.shape)
        padded = np.zeros(size, np.float32)  # bare glass
        padded[:height, :width] = channel / np.float32(255)
        total = sum(self._forward(padded[::v, ::h])[::v, ::h] for v, h in FLIPS)
        if not np.isfinite(total).all():
            raise UserError(self.weights, "a finite map of nuclei", "NaN: its training diverged", "Train again.")
        return (total / len(FLIPS))[: -(-height // STRIDE), : -(-width // STRIDE)]

    def _forward(self, padded: np.ndarray) -> np.ndarray:
        shaped_input(self.net, "data", (1, 1, *padded.shape))[0, 0] = padded
        return self.net.forward()["prob"][0, 0].copy()
