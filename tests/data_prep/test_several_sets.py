"""Several sets in one training: kept apart by name, seen at one pixel size, and even within each set."""

import shutil
from collections import Counter

import cv2
import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from data_prep.dataset import open_dataset, open_datasets, reopened
from data_prep.fold_data import sources
from data_prep.folds import make_split
from data_prep.prepare import prepare_fold, prepare_run
from data_prep.profiles import run_profile
from data_prep.views import read_neighbourhood
from deeppap.engines.device import Device
from deeppap.io import caffe_messages
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.records import FoldRecord, Request, RunRecord
from deeppap.scoring.trained_model import TrainedModel
from deeppap.training import resolve
from deeppap.training.train_fold import TrainOptions, train_fold
from tests.support.caffe_nets import edit_once, pixels, read_datums
from tests.support.own_cells import write_manifest


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A pale set of 30 normal and 10 abnormal cells, and a darker one of 10 and 30 at twice the pixel size."""
    folder = tmp_path_factory.mktemp("sets")
    write_manifest(folder / "a", 30, 10, 1, 0.2, 220)
    write_manifest(folder / "b", 10, 30, 2, 0.4, 170)
    return folder / "a", folder / "b"


def request(paths, **changes):
    return Request(data=tuple(map(str, paths)), profile="smallest", **changes)


def test_sets_keep_their_names_and_get_one_pixel_size(two, tmp_path):
    dataset = open_datasets(two)
    assert (dataset.name, dataset.set_names, dataset.pixel_um, dataset.resampled_um()) == (
        "a+b",
        ("a", "b"),
        0.2,
        (0.4,),
    )
    cell = dataset.by_id()["b:normal_3"]
    assert (cell.group, cell.scale, cell.centre, cell.set_name) == ("b:g1", 2.0, (20, 20), "b")
    region, centre = read_neighbourhood(cell)
    assert (region.shape, centre) == ((80, 80, 3), (40.5, 40.5))
    assert Counter(cell.group for cell in dataset.cells)["a:g1"] == 4  # two normal and two abnormal cells of that set
    (tmp_path / "b").mkdir()
    again = open_datasets([two[1], write_manifest(tmp_path / "b/b", 5, 5, 3, 0.3).parent])
    assert (again.set_names, again.pixel_um, again.resampled_um()) == (("b", "b-2"), 0.4, (0.3,))
    bare = write_manifest(tmp_path / "bare", 5, 5, 3)
    for order in ([two[0], bare], [bare, two[0]]):
        with pytest.raises(UserError, match="expected its pixel size, to be seen at 0.2 um, found none stated"):
            open_datasets(order)
    assert open_datasets([bare]).dataset_sha() == open_dataset(bare).dataset_sha()


def test_pixel_sizes_are_a_part_of_what_a_set_is_only_where_they_differ(tmp_path):
    path = write_manifest(tmp_path / "a", 5, 5, 1, 0.2)
    plain, text = open_dataset(path), path.read_text()
    path.write_text(text.replace(",0.2\n", ",0.3\n"))
    assert open_dataset(path).dataset_sha() == plain.dataset_sha() == plain.seen_at(0.4).dataset_sha()
    path.write_text(text.replace(",0.2\n", ",0.3\n", 1))
    mixed = open_dataset(path)
    assert mixed.dataset_sha() != plain.dataset_sha()
    assert sorted({(cell.pixel_um, round(cell.scale, 9)) for cell in mixed.cells}) == [(0.2, 0.666666667), (0.3, 1.0)]


@pytest.mark.parametrize("protocol", ["cell", "field"])
def test_folds_are_stratified_by_set_and_label(two, protocol):
    dataset = open_datasets(two)
    facts = {cell.id: (cell.set_name, cell.label) for cell in dataset.cells}
    for fold in make_split(dataset, protocol, 1).folds:
        counts = Counter(facts[cell] for cell in fold)
        for kind, count in Counter(facts.values()).items():
            assert abs(counts[kind] - count / 5) <= (0 if protocol == "cell" else 2)


def test_the_colour_of_a_set_does_not_tell_the_label(two, tmp_path):
    """By the colour of a view's background alone no label can be told; without the balance in each set it could."""
    fold, _ = prepare_fold(request(two), 0, 1, None, tmp_path, lambda _: None)
    views = [(pixels(datum)[:, 128, 20:60].mean(), datum.label) for _, datum in read_datums(fold / "train_lmdb")]
    colours, labels = np.array([[colour] for colour, _ in views]), np.array([label for _, label in views])
    right = DecisionTreeClassifier(max_depth=1).fit(colours, labels).score(colours, labels)
    assert right < 0.55
    run = RunRecord.read(fold.parent)
    dataset = reopened(run)
    train, _ = sources(dataset, make_split(dataset, "cell", 1), 0, run, run_profile(run))
    made = Counter()
    for cell, indices in zip(train.cells, train.indices, strict=True):
        made[cell.set_name, cell.label] += len(indices)
    for name in ("a", "b"):
        assert max(made[name, 0], made[name, 1]) <= 1.1 * min(made[name, 0], made[name, 1])
    cells = Counter((cell.set_name, cell.label) for cell in train.cells)
    assert (cells["a", 0] + cells["b", 1]) / cells.total() == 0.75  # what the colour would tell


PINK, BLUE = (170, 150, 230), (230, 170, 150)  # BGR, of the backgrounds


def draw(rng, background):
    """A cell whose nucleus tells nothing: only the background's colour differs."""
    image = (np.array(background) + rng.normal(0, 6, (40, 40, 3))).clip(0, 255).astype(np.uint8)
    return cv2.circle(image, (20, 20), 8, (130, 60, 110), -1)


def test_a_net_trained_on_two_sets_does_not_learn_their_colours(caffenet_weights, tmp_path, monkeypatch):
    """The pink set is mostly normal, the blue one mostly abnormal. Mixed in one list, their colours are learned.

    The sets have fewer cells than the list: each set is balanced by more views, and both trainings have about as many.
    The rate does not fall: a dozen iterations are few as they are.
    """
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "prototxt", tmp_path / "root/prototxt")
    for module in (caffe_messages, resolve):
        monkeypatch.setattr(module, "ROOT", tmp_path / "root")
    step = 'lr_policy: "step"\ngamma: 0.1\nstepsize: 4230'
    edit_once(tmp_path / "root/prototxt", "solver", step, 'lr_policy: "fixed"\n')
    rng, head = np.random.default_rng(1), "image,label,nucleus_x,nucleus_y\n"
    mixed = head
    for name, colour, rare in (("pink", PINK, "abnormal"), ("blue", BLUE, "normal")):
        own = head
        (tmp_path / name).mkdir()
        for label in ("normal", "abnormal"):
            count, in_set = (4, 3) if label == rare else (20, 12)
            for number in range(count):
                cv2.imwrite(f"{name}/{label}{number}.png", draw(rng, colour))
                line = f"{label}{number}.png,{label},20,20\n"
                mixed += f"{name}/{line}"
                own += line if number < in_set else ""
        (tmp_path / name / "cells.csv").write_text(own)
    (tmp_path / "mixed.csv").write_text(mixed)
    gaps, views = {}, []
    for data in (("pink", "blue"), ("mixed.csv",)):
        fold, _ = prepare_fold(request(data, select="last"), 0, 1, None, tmp_path / "runs", lambda _: None)
        views.append(FoldRecord.read(fold).train_lmdb.entries)
        train_fold(fold, TrainOptions(caffenet_weights, Device(without_gpu=True)), lambda _: None)
        net = TrainedModel.open(fold, say=lambda _: None)
        # the same nucleus on either background
        scores = [net.score(draw(rng, colour), [(20, 20)], 2, 2)[0].score for colour in (PINK, BLUE)]
        gaps[len(data)] = scores[1] - scores[0]
    assert abs(gaps[2]) < 0.2 and gaps[1] > 0.4
    assert views == [195, 190]


def test_a_run_of_several_sets_is_found_again_and_not_mixed_up(two, tmp_path):
    first = prepare_run(request(two), None, tmp_path)
    assert first[0].name == "a+b-cell-smallest"
    moved = [shutil.copytree(path, tmp_path / "moved" / path.name) for path in two]
    folder, dataset, split, run = prepare_run(request(moved), None, tmp_path)
    assert (folder, split.split_sha) == (first[0], first[2].split_sha)
    assert run.dataset.paths == tuple(map(str, moved)) and reopened(run).cells == dataset.cells
    other = prepare_run(request(two, pixel_um=0.25), None, tmp_path)
    assert other[0].name == "a+b-cell-smallest-0.25um"
    assert {cell.scale for cell in reopened(other[3]).cells} == {0.8, 1.6}
    with pytest.raises(UserError, match="expected .*pixel_um 0.2.*found .*pixel_um 0.25"):
        prepare_run(request(two, pixel_um=0.25), "a+b-cell-smallest", tmp_path)
    keys = [prepare_fold(request(two, pixel_um=um), 0, 1, f"at{um}", tmp_path)[0] / "fold.json" for um in (None, 0.25)]
    assert keys[0].read_text() != keys[1].read_text()


def test_an_image_in_two_sets_is_refused(two, tmp_path):
    copy = write_manifest(tmp_path / "copy", 6, 6, 5, 0.2)
    cv2.imwrite(str(copy.parent / "normal_0.png"), cv2.imread(str(two[0] / "abnormal_4.png")))
    for sets in ([two[0], copy], [two[0], two[0]]):
        with pytest.raises(UserError, match="expected images of .* that a does not have, found the pixels of"):
            prepare_run(request(sets), None, tmp_path / "runs")


def test_a_set_of_one_label_is_announced(two, tmp_path):
    said = []
    path = write_manifest(tmp_path / "pure", 0, 8, 5, 0.2)
    prepare_fold(request([two[0], path]), 0, 1, None, tmp_path / "runs", said.append)
    assert any(line.startswith("!! pure: cells of one label alone") for line in said)
