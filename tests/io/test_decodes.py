"""An image is hashed and decoded once a step, however many cells lie in it, and by nobody twice."""

import pytest

from data_prep.background import background_colours
from data_prep.dataset import open_dataset
from data_prep.image_hashes import image_hashes
from data_prep.leaks import audit_dataset
from data_prep.prepare import prepare_fold
from data_prep.regions import cut_regions, region_bytes
from data_prep.views import REACH, read_neighbourhood
from deeppap.records import Request
from tests.support.field_cells import Counts, write_field_cells

IMAGES = {f"f{number}.png" for number in range(4)}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_field_cells(tmp_path_factory.mktemp("fields") / "mine")


@pytest.fixture
def counts(monkeypatch):
    return Counts(monkeypatch)


@pytest.mark.parametrize("step", [image_hashes, background_colours, audit_dataset])
def test_a_look_at_all_images_decodes_each_once(manifest, counts, step):
    dataset = open_dataset(manifest)
    step(dataset)
    assert counts.decoded == dict.fromkeys(IMAGES, 1)


def test_a_whole_build_decodes_each_image_twice_and_a_second_fold_once(manifest, tmp_path, counts):
    """For images.sha256, once a run, and for the views."""
    request = Request(data=(str(manifest),), profile="smallest")
    prepare_fold(request, 0, 1, None, tmp_path)
    assert (counts.decoded, counts.hashed) == (dict.fromkeys(IMAGES, 2), dict.fromkeys(IMAGES, 1))
    counts.start()
    prepare_fold(request, 1, 1, None, tmp_path)
    assert (counts.decoded, counts.hashed) == (dict.fromkeys(IMAGES, 1), dict.fromkeys(IMAGES, 1))


def test_regions_are_the_neighbourhoods_to_the_bit(manifest, tmp_path):
    cells = open_dataset(manifest).cells
    with cut_regions(cells, tmp_path, 2, REACH) as regions:
        for cell in reversed(cells):
            (found, centre), (region, inside) = regions(cell), read_neighbourhood(cell)
            assert centre == inside and found.shape == region.shape and (found == region).all()
            assert found.nbytes <= region_bytes(REACH)
        assert not list(tmp_path.iterdir()), "the scratch file has no name that could be left behind"
