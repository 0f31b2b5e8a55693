"""What the figures were measured on."""

import os
import time

import msgspec
import numpy as np

from benchmarks.sheet import Figure, figure
from deeppap.engines.device import Device
from deeppap.records.provenance import provenance

SIZE = 2048  # of the square matrices: large enough for the peak, small enough for a second


def facts() -> dict:
    """Processor, system, versions, and which Caffe runs on which BLAS kernels with how many threads."""
    load = os.getloadavg()[0]
    return {
        **msgspec.to_builtins(provenance()),
        "caffe": Device().describe(),
        "load_before": load,
        "memory_bytes": _memory(),
    }


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def gemm_peak(rounds: int) -> list[Figure]:
    """GFLOP/s of one large float32 matrix product on all cores (numpy's own OpenBLAS): what there is to be had."""
    rng = np.random.default_rng(1)
    a, b = (rng.random((SIZE, SIZE), np.float32) for _ in range(2))
    out = np.empty((SIZE, SIZE), np.float32)
    np.dot(a, b, out)
    rates = []
    for _ in range(max(5, rounds)):
        start = time.perf_counter()
        np.dot(a, b, out)
        rates.append(2 * SIZE**3 / (time.perf_counter() - start) / 1e9)
    return [figure("machine", "matrix product, all cores", rates, "GFLOP/s")]
