"""Writes views as a patch LMDB that Caffe's Data layer reads (Caffe Datum, keys `%08d_<cell>`)."""

import ctypes
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import lmdb
import numpy as np
from tqdm import tqdm

from common.caffe_messages import caffe_pb2
from common.errors import UserError
from common.files import disk_full
from data_prep.cells import Cell
from data_prep.image_file import read_image
from data_prep.mean_image import MeanImage
from data_prep.views import SIZE, Grid, neighbourhood, plan_view, render, rng

RAW_BYTES = 3 * SIZE * SIZE
ENTRY_BYTES = RAW_BYTES + 8192  # a raw datum with its key and the page it ends in
CHUNK = 64  # views a worker renders at once, and a transaction holds
ENCODINGS = ("raw", "png")


class Source(NamedTuple):
    """What an LMDB is made of: cells with the label to write, the views of each, and the seed."""

    cells: Sequence[Cell]
    labels: Sequence[int]
    purpose: str
    grids: dict[int, Grid]  # by the cell's own two-class label
    indices: dict[int, Sequence[int]]  # which views of the grid, by two-class label
    seed: int
    encoding: str


def order(source: Source, shuffled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Cell and view index of every record, int32 each, in key order.

    Caffe reads an LMDB in key order and shuffles nothing, so training records are shuffled here.
    """
    cells = [np.full(len(source.indices[c.label]), i, np.int32) for i, c in enumerate(source.cells)]
    views = [np.asarray(source.indices[c.label], np.int32) for c in source.cells]
    cell, view = np.concatenate(cells), np.concatenate(views)
    if shuffled:
        permutation = rng(source.seed, "order", source.purpose).permutation(len(cell))
        cell, view = cell[permutation], view[permutation]
    return cell, view


_source: Source  # of this worker, set once when it starts


def _start_worker(source: Source, in_pool: bool = True) -> None:
    global _source
    _source = source
    if in_pool:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no orphans of a killed parent
    cv2.setNumThreads(1)
    _region.cache_clear()


@lru_cache(maxsize=512)  # neighbourhoods of at most 140 kB, whatever the size of the images
def _region(cell: int) -> tuple[np.ndarray, tuple[float, float]]:
    item = _source.cells[cell]
    return neighbourhood(read_image(item.image), item.centre)


def _render_chunk(cells: np.ndarray, views: np.ndarray) -> tuple[list[bytes], np.ndarray]:
    """Serialized datums of a chunk, and the sum of its views, uint32 (3, 256, 256)."""
    datums, total = [], np.zeros((3, SIZE, SIZE), np.uint32)
    message = caffe_pb2().Datum(channels=3, height=SIZE, width=SIZE)
    for cell, index in zip(cells.tolist(), views.tolist(), strict=True):
        item, (region, centre) = _source.cells[cell], _region(cell)
        view = plan_view(item.id, _source.purpose, _source.grids[item.label], index, _source.seed)
        image = render(region, centre, view)
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        total += planes
        message.label = int(_source.labels[cell])
        if _source.encoding == "png":
            message.encoded = True
            message.data = cv2.imencode(".png", image)[1].tobytes()
        else:
            message.data = planes.tobytes()
        datums.append(message.SerializeToString())
    return datums, total


def _rendered(source: Source, chunks: list, workers: int) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Rendered chunks in order; at most two a worker are under way, so memory stays flat."""
    if workers == 1:
        _start_worker(source, in_pool=False)
        yield from (_render_chunk(*chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (source,)) as pool:
        pending: deque = deque()
        try:
            for chunk in chunks:
                pending.append(pool.submit(_render_chunk, *chunk))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def write_patch_lmdb(
    path: Path, source: Source, shuffled: bool, workers: int, mean: MeanImage | None = None, title: str | None = None
) -> int:
    """Write an LMDB and return its number of records; `mean` collects the views' sum on the way.

    Raises
    ------
    UserError
        If the disk fills up. The caller gives a partial path and renames it when all is complete.
    """
    cell, view = order(source, shuffled)
    chunks = [(cell[i : i + CHUNK], view[i : i + CHUNK]) for i in range(0, len(cell), CHUNK)]
    need = len(cell) * ENTRY_BYTES
    path.mkdir(parents=True)
    # not writemap: there a full disk is a SIGBUS
    environment = lmdb.open(str(path), map_size=need + (64 << 20), sync=False, metasync=False)
    bar = tqdm(total=len(cell), desc=title or path.name, unit="view", smoothing=0.05, disable=None)
    try:
        index = 0
        for (cells, _), (datums, total) in zip(chunks, _rendered(source, chunks, workers), strict=True):
            with environment.begin(write=True) as transaction:
                for one, datum in zip(cells.tolist(), datums, strict=True):
                    transaction.put(key(index, source.cells[one].id), datum, append=True)
                    index += 1
            if mean is not None:
                mean.add(total, len(datums))
            bar.update(len(datums))
        environment.sync(True)
    except lmdb.MapFullError as error:
        raise UserError(path, f"at most {need:,} bytes of views", "more", "Report this, with the command.") from error
    except lmdb.Error as error:
        # a full disk reaches us as "Input/output error" or "No space left on device"
        raise disk_full(path, need) from error
    finally:
        bar.close()
        environment.close()
    return len(cell)


def key(index: int, cell_id: str) -> bytes:
    """A record's key, in Caffe's own form, cut to what LMDB takes."""
    return f"{index:08d}_{cell_id}".encode()[:500]
