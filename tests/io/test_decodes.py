"""An image is hashed and decoded once a step, however many cells lie in it, and by nobody twice."""

import pytest

from data_prep.background import background_colours
from data_prep.dataset import open_dataset
from data_prep.fold_data import build_fold
from data_prep.image_hashes import image_hashes
from data_prep.leaks import audit_dataset
from data_prep.patch_lmdb import Source, write_patch_lmdb
from data_prep.prepare import prepare_fold, prepare_run
from data_prep.profiles import run_profile
from data_prep.regions import cut_regions, region_bytes
from data_prep.views import Grid, read_neighbourhood
from deeppap.io.files import sha256_file
from deeppap.records import Request
from tests.support.field_cells import Counts, write_field_cells

IMAGES = {f"f{number}.png" for number in range(4)}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_field_cells(tmp_path_factory.mktemp("fields") / "mine")


@pytest.fixture
def counts(monkeypatch):
    return Counts(monkeypatch)


def test_ids_do_not_come_image_after_image(manifest):
    """Else the tests below could not fail."""
    images = [cell.image.name for cell in open_dataset(manifest).cells]
    assert len(images) == 40 and images[:5] == ["f0.png", "f1.png", "f2.png", "f3.png", "f0.png"]


def test_reading_a_set_decodes_nothing_and_hashes_each_image_once(manifest, counts):
    dataset = open_dataset(manifest)
    assert not counts.decoded and not counts.hashed
    dataset.dataset_sha()
    assert counts.hashed == dict.fromkeys(IMAGES, 1)
    assert not counts.decoded


@pytest.mark.parametrize("step", [image_hashes, background_colours, audit_dataset])
def test_a_look_at_all_images_decodes_each_once(manifest, counts, step):
    dataset = open_dataset(manifest)
    step(dataset)
    assert counts.decoded == dict.fromkeys(IMAGES, 1)


@pytest.mark.parametrize("select", ["paper", "inner"])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_fold_decodes_each_image_once_for_both_lmdbs(manifest, tmp_path, counts, select, workers):
    request = Request(data=(str(manifest),), profile="smallest", select=select)
    folder, dataset, split, run = prepare_run(request, None, tmp_path)
    counts.start()
    (folder / "fold0").mkdir()
    build_fold(folder / "fold0", dataset, split, 0, run, run_profile(run), workers)
    assert counts.decoded == dict.fromkeys(IMAGES, 1)
    assert not counts.hashed


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
    with cut_regions(cells, tmp_path, 2) as regions:
        for cell in reversed(cells):
            (found, centre), (region, inside) = regions(cell), read_neighbourhood(cell)
            assert centre == inside and found.shape == region.shape and (found == region).all()
            assert found.nbytes <= region_bytes()
        assert not list(tmp_path.iterdir()), "the scratch file has no name that could be left behind"


def test_shared_regions_change_no_byte(manifest, tmp_path):
    cells = open_dataset(manifest).cells
    grids, indices = [Grid(3, 1)] * 20, [range(3)] * 20
    source = Source(cells[:20], [cell.label for cell in cells[:20]], "train", grids, indices, 1, "raw")
    write_patch_lmdb(tmp_path / "own", source, True, 1)
    with cut_regions(cells, tmp_path, 1) as regions:
        write_patch_lmdb(tmp_path / "shared", source, True, 1, regions=regions)
    assert sha256_file(tmp_path / "own/data.mdb") == sha256_file(tmp_path / "shared/data.mdb")
