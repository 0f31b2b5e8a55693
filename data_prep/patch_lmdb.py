"""Writes views as a patch LMDB that Caffe's Data layer reads (Caffe Datum, keys `%08d_<cell>`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import lmdb
import numpy as np
from google.protobuf.message import Message

from data_prep.cells import Cell
from data_prep.regions import Regions, in_order
from data_prep.views import NO_JITTER, SIZE, Grid, Jitter, plan_view, reach_at, render, rng
from deeppap.io.caffe_messages import caffe_pb2
from deeppap.io.errors import UserError
from deeppap.io.files import disk_full
from deeppap.io.progress import progress

RAW_BYTES = 3 * SIZE * SIZE
ENTRY_BYTES = RAW_BYTES + 8192  # a raw datum with its key and the page it ends in
CHUNK = 64  # views a worker renders at once, and a transaction holds; 257 would overflow their sum
MAPPED = 64  # chunks until the file is mapped anew


class Source(NamedTuple):
    """What an LMDB is made of: cells with the label to write, the views of each, and the seed."""

    cells: Sequence[Cell]
    labels: Sequence[int]
    purpose: str
    grids: Sequence[Grid]  # of each cell
    indices: Sequence[Sequence[int]]  # which views of its grid, of each cell
    seed: int
    encoding: str
    border: str = "constant"
    jitter: Jitter = NO_JITTER  # of training views alone

    @property
    def reach(self) -> int:
        """The farthest source pixel of its views."""
        return reach_at(1 + self.jitter.scale)


def order(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Cell and view index of every record, int32 each, in key order.

    Caffe reads an LMDB in key order and shuffles nothing, so training records are shuffled here.
    """
    cells = [np.full(len(indices), i, np.int32) for i, indices in enumerate(source.indices)]
    views = [np.asarray(indices, np.int32) for indices in source.indices]
    cell, view = np.concatenate(cells), np.concatenate(views)
    if source.purpose == "train":
        permutation = rng(source.seed, "order", source.purpose).permutation(len(cell))
        cell, view = cell[permutation], view[permutation]
    return cell, view


def _render_chunk(
    source: Source, region: Regions, chunk: tuple[np.ndarray, np.ndarray]
) -> tuple[list[bytes], np.ndarray]:
    """Serialized datums of a chunk of cells and views, and the sum of its views, uint16 (3, 256, 256)."""
    datums, total = [], np.zeros((3, SIZE, SIZE), np.uint16)  # 64 x 255 fits
    message = caffe_pb2().Datum(channels=3, height=SIZE, width=SIZE)
    for cell, index in zip(*(part.tolist() for part in chunk), strict=True):
        item = source.cells[cell]
        how = source.purpose, source.grids[cell], index, source.seed, source.border, source.jitter
        image = render(*region(item), plan_view(item.id, *how))
        # Caffe's Datum is planes of B, G and R, OpenCV's image pixels of three
        planes = np.stack(cv2.split(image))
        total += planes
        # the label that is trained on, which a control has dealt anew; the views follow the cell's own
        message.label = int(source.labels[cell])
        if source.encoding == "png":
            message.encoded, message.data = True, cv2.imencode(".png", image)[1].tobytes()
        else:
            message.data = planes.tobytes()
        datums.append(message.SerializeToString())
    return datums, total


def write_patch_lmdb(path: Path, source: Source, regions: Regions, workers: int, title: str) -> tuple[int, np.ndarray]:
    """Write an LMDB and return its number of records, and their mean, float32 (3, 256, 256), BGR.

    `regions` are those of the source's cells.

    Raises UserError if the disk fills up. The caller gives a partial path and renames it when all is complete.
    """
    # the order is drawn before anything is rendered, so any number of workers gives the same bytes
    cell, view = order(source)
    chunks = [(cell[i : i + CHUNK], view[i : i + CHUNK]) for i in range(0, len(cell), CHUNK)]
    # threads, not processes: OpenCV, NumPy and LMDB let go of Python's lock, and a view need not be copied twice
    cv2.setNumThreads(1)  # each worker is one thread
    rendered = in_order(partial(_render_chunk, source, regions), chunks, workers)
    bar = progress(total=len(cell), desc=title, unit="view", smoothing=0.05)
    # whole numbers, so that neither the order of views nor their number costs precision
    total = np.zeros((3, SIZE, SIZE), np.int64)
    with _new_lmdb(path, len(cell)) as environment, bar:
        index = 0
        for (cells, _), (datums, part) in zip(chunks, rendered, strict=True):
            with environment.begin(write=True) as transaction:
                for one, datum in zip(cells.tolist(), datums, strict=True):
                    # append: keys come in order, and pages are filled without a search
                    transaction.put(key(index, source.cells[one].id), datum, append=True)
                    index += 1
            total += part
            bar.update(len(datums))
            if index % (MAPPED * CHUNK) == 0:
                # lets go of the pages that were touched: they count as ours
                environment.set_mapsize(_map_size(len(cell)))
    return len(cell), (total / len(cell)).astype(np.float32)


def _map_size(records: int) -> int:
    return records * ENTRY_BYTES + (64 << 20)


@contextmanager
def _new_lmdb(path: Path, records: int) -> Iterator[lmdb.Environment]:
    need = records * ENTRY_BYTES
    path.mkdir(parents=True)
    # not writemap: there a full disk is a SIGBUS
    environment = lmdb.open(str(path), map_size=_map_size(records), sync=False, metasync=False)
    try:
        yield environment
        environment.sync(True)
    except lmdb.MapFullError as error:
        raise UserError(path, f"at most {need:,} bytes of views", "more", "Report this, with the command.") from error
    except lmdb.Error as error:
        # a full disk reaches us as "Input/output error" or "No space left on device"
        raise disk_full(path, need) from error
    finally:
        environment.close()


def decoded(datum: Message) -> np.ndarray:
    """The view of a record, uint8 (256, 256, 3), BGR."""
    data = np.frombuffer(datum.data, np.uint8)
    if datum.encoded:
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(data.reshape(3, SIZE, SIZE).transpose(1, 2, 0))


def key(index: int, cell_id: str) -> bytes:
    """A record's key, in Caffe's own form, cut to what LMDB takes."""
    return f"{index:08d}_{cell_id}".encode()[:500]
