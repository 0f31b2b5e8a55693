import cv2
import numpy as np
import pytest

from data_prep.classes import SEVEN
from data_prep.patch_lmdb import Source, order, write_patch_lmdb
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


@pytest.fixture(scope="module")
def written(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lmdb") / "train_lmdb"
    assert write_patch_lmdb(folder, source, True, 1) == 54
    return folder


def test_records_are_complete_and_in_key_order(source, written):
    cells, _ = order(source, shuffled=True)
    records = read_datums(written)
    assert [key for key, _ in records] == [f"{i:08d}_{source.cells[c].id}" for i, c in enumerate(cells)]
    assert len(records) == 54


def test_every_view_of_the_plan_is_there_once(source):
    cells, views = order(source, shuffled=True)
    expected = [(i, v) for i, cell in enumerate(source.cells) for v in range(GRIDS[cell.label].views)]
    assert sorted(zip(cells.tolist(), views.tolist(), strict=True)) == expected


def test_datums_hold_the_rendered_views(source, written):
    cells, views = order(source, shuffled=True)
    for (_, datum), index, view in zip(read_datums(written), cells, views, strict=True):
        cell = source.cells[index]
        assert (datum.channels, datum.height, datum.width, datum.encoded) == (3, 256, 256, False)
        assert datum.label == KINDS.index(cell.kind)
        wanted = render(read_image(cell.image), cell.centre, plan_view(cell.id, "train", GRIDS[cell.label], view, 7))
        assert np.array_equal(pixels(datum), wanted.transpose(2, 0, 1))


def test_png_decodes_to_the_same_pixels(source, written, tmp_path):
    write_patch_lmdb(tmp_path / "png", source._replace(encoding="png"), True, 1)
    for (raw_key, raw), (png_key, png) in zip(read_datums(written), read_datums(tmp_path / "png"), strict=True):
        assert (raw_key, raw.label, png.encoded) == (png_key, png.label, True)
        decoded = cv2.imdecode(np.frombuffer(png.data, np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(decoded.transpose(2, 0, 1), pixels(raw))


def test_training_records_are_shuffled_and_others_are_not(source):
    labels = [source.cells[i].label for i in order(source, shuffled=True)[0]]
    assert sorted(labels) != labels
    changes = sum(a != b for a, b in zip(labels, labels[1:], strict=False))
    assert changes > 15  # of 53; about 24 are expected of a shuffled row, 1 of a sorted one
    plain = order(source, shuffled=False)[0].tolist()
    assert plain == sorted(plain)
