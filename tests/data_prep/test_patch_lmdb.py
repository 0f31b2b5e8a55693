import cv2
import numpy as np
import pytest

from data_prep.classes import SEVEN
from data_prep.patch_lmdb import Source, order, write_patch_lmdb
from data_prep.regions import cut_regions
from data_prep.views import Grid, plan_view, render
from deeppap.io.image_file import read_image
from tests.support.caffe_nets import pixels, read_datums

GRIDS = {0: Grid(3, 3), 1: Grid(3, 1)}
KINDS = [known.name for known in SEVEN]


@pytest.fixture(scope="module")
def source(dataset):
    """Four normal and six abnormal cells, labels of the seven classes: 4 x 9 + 6 x 3 = 54 views."""
    cells = [c for c in dataset.cells if not c.label][:4] + [c for c in dataset.cells if c.label][:6]
    grids = [GRIDS[cell.label] for cell in cells]
    views = [range(grid.views) for grid in grids]
    return Source(cells, [KINDS.index(c.kind) for c in cells], "train", grids, views, 7, "raw")


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_datums_hold_the_rendered_views_in_key_order(source, tmp_path, encoding):
    with cut_regions(source.cells, tmp_path, 1, source.reach) as regions:
        count, mean = write_patch_lmdb(tmp_path / "lmdb", source._replace(encoding=encoding), regions, 1, "views")
    records, (cells, views) = read_datums(tmp_path / "lmdb"), order(source)
    assert [key for key, _ in records] == [f"{i:08d}_{source.cells[c].id}" for i, c in enumerate(cells)]
    wanted = []
    for (_, datum), index, view in zip(records, cells, views, strict=True):
        cell = source.cells[index]
        assert (datum.channels, datum.height, datum.width, datum.encoded) == (3, 256, 256, encoding == "png")
        assert datum.label == KINDS.index(cell.kind)
        plan = plan_view(cell.id, "train", GRIDS[cell.label], view, 7)
        wanted.append(render(read_image(cell.image), cell.centre, plan))
        data = np.frombuffer(datum.data, np.uint8)
        found = cv2.imdecode(data, cv2.IMREAD_COLOR) if datum.encoded else pixels(datum).transpose(1, 2, 0)
        assert np.array_equal(found, wanted[-1])
    assert count == len(records) == 54
    assert np.array_equal(mean.transpose(1, 2, 0), np.mean(wanted, axis=0, dtype=np.float64).astype(np.float32))


def test_every_view_of_the_plan_is_there_once_and_training_records_are_shuffled(source):
    cells, views = order(source)
    expected = [(i, v) for i, cell in enumerate(source.cells) for v in range(GRIDS[cell.label].views)]
    assert sorted(zip(cells.tolist(), views.tolist(), strict=True)) == expected
    labels = [source.cells[i].label for i in cells]
    changes = sum(a != b for a, b in zip(labels, labels[1:], strict=False))
    assert changes > 15  # of 53; about 24 are expected of a shuffled row, 1 of a sorted one
    assert list(zip(*map(np.ndarray.tolist, order(source._replace(purpose="test"))), strict=True)) == expected
