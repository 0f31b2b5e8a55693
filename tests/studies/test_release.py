"""A release: what is in it, that it scores as its run does, and that a changed file is found."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from data_prep.image_hashes import FOLD_IMAGES, fold_images, seen_images, source_images, write_source_images
from data_prep.pixel_size import moved, resample
from data_prep.views import View, render
from deeppap.engines.crops import crop_views
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.report.release_pages import release_page
from deeppap.scoring.export_onnx import facts
from deeppap.scoring.open_nets import open_release
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.release import release
from tests.support.checkout import run_tool
from tests.support.records import change_scores, with_sources_mean

SHIFTED = 0.05  # how far the score of shifted views may lie from that of views that are not


@pytest.fixture(scope="module")
def released(checkout, evaluated_fold):
    pytest.importorskip("onnx", reason="the engines are not installed: make engines")
    words = ["release", evaluated_fold.parent, "--out", "net", "--folds", "0"]
    return checkout / "net", run_tool(checkout, *words).stdout


@pytest.fixture(scope="module")
def small(evaluated_fold, tmp_path_factory):
    """A release without graphs, which no test changes."""
    out = tmp_path_factory.mktemp("small") / "net"
    return release(evaluated_fold.parent, out, [0], onnx=False, say=lambda _: None)


def test_what_is_in_it(released):
    folder, said = released
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    (weights,) = (name for name in names if name.endswith(".caffemodel"))
    inside = {"fold.json", "model.json", "ood_reference.npz", "mean.binaryproto", "deploy.prototxt", "readme.md"}
    inside |= {"scores.json", FOLD_IMAGES, "onnx/crops.onnx", "onnx/views.onnx"}
    at_top = {"run.json", "split.json", "images.sha256", "readme.md", "SHA256SUMS", weights}
    assert names == at_top | {f"fold0/{name}" for name in inside}
    assert "prob" in said and "net written\n" in said
    assert "not a medical device" in (folder / "readme.md").read_text()
    assert (folder / "fold0/readme.md").read_text().startswith("---\nname: ")
    assert str(folder.parent) not in (folder / "run.json").read_text()


def test_a_release_gets_graphs_afterwards(released, small, checkout, tmp_path):
    """Those of the run itself, and all else stays; it is compared on drawn cells."""
    onnx = pytest.importorskip("onnx")
    run_tool(checkout, "release", small, "--out", tmp_path / "again")
    (opened,) = open_release(tmp_path / "again", say=lambda _: None)
    for name in ("crops", "views"):
        own, runs = (onnx.load(folder / f"onnx/{name}.onnx") for folder in (opened.folder, released[0] / "fold0"))
        assert own.graph.SerializeToString() == runs.graph.SerializeToString()
    readme = (tmp_path / "again/readme.md").read_text(encoding="utf-8")
    assert readme == (released[0] / "readme.md").read_text(encoding="utf-8")
    done = run_tool(checkout, "release", small, "--out", tmp_path / "some", "--folds", "0", status=2)
    assert "--folds" in done.stderr and not (tmp_path / "some").exists()


def test_what_its_test_scores_say_of_a_net_goes_with_it(small, evaluated_fold):
    (opened,) = open_release(small, say=lambda _: None)
    assert opened.doubt == TrainedModel.open(evaluated_fold, say=lambda _: None).doubt
    assert not (small / "fold0/scores.csv").exists()


def test_a_doubt_is_said_in_the_output_and_on_the_first_page(evaluated_fold, copy_of, tmp_path):
    _, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    for doubt, lines in ((None, 0), ("this net knows nothing", 1)):
        change_scores(fold, doubt=doubt)
        said = []
        page = release(fold.parent, tmp_path / str(lines), [0], onnx=False, say=said.append) / "readme.md"
        assert sum("this net knows nothing" in line for line in said) == lines
        assert sum("his net knows nothing" in line for line in page.read_text(encoding="utf-8").splitlines()) == lines


def test_a_net_that_kept_its_source_goes_with_the_sources_mean(evaluated_fold, copy_of, tmp_path):
    _, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    own = with_sources_mean(fold)
    out = release(fold.parent, tmp_path / "net", [0], onnx=False, say=lambda _: None)
    (opened,) = open_release(out, say=lambda _: None)
    assert opened.mean == pytest.approx(own / 2)
    sha = sha256_file(fold / "source_mean.binaryproto")
    assert facts(opened, 1)["mean_sha256"] == sha
    card = (out / "fold0/readme.md").read_text()
    assert "`source_mean.binaryproto`" in card and sha[:12] in card


# the recipe's image has 0.25 um a pixel: it is enlarged to the pixels of one net, and shrunk to those of another
@pytest.mark.parametrize(("border", "um"), [("constant", None), ("reflect", 0.201), ("constant", 0.4)])
def test_its_page_scores_a_cell_without_this_project(released, evaluated_fold, tmp_path, rng, border, um):
    model = TrainedModel.open(evaluated_fold, say=lambda _: None)
    data = with_fields(model.run.dataset, pixel_um=um)
    model = replace(model, run=with_fields(model.run, border=border, dataset=data))
    page = release_page(replace(load_run(evaluated_fold.parent), record=model.run), [0], "net", onnx=True)
    (lines,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    if um is None:
        assert lines in (released[0] / "readme.md").read_text(encoding="utf-8")
    (tmp_path / "fold0").symlink_to(released[0] / "fold0")
    image = cv2.GaussianBlur(rng.integers(0, 256, (90, 100, 3), np.uint8), (0, 0), 1.5)
    cv2.imwrite(str(tmp_path / "cell.png"), image)
    alone = f"{lines}\nimport sys\nassert not {{'deeppap', 'data_prep', 'caffe'}} & set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-I", "-c", alone], cwd=tmp_path, capture_output=True, text=True, check=True)
    seen = resample(image, 0.25 / um if um else 1)
    centre = moved((61, 48), image.shape, seen.shape)
    views = np.stack([render(seen, centre, View(36.0 * turn, 0, 0, border)) for turn in range(10)])
    prob = model.engine()(crop_views(views, model.mean, 227, model.crops()))
    assert float(done.stdout) == pytest.approx(prob[:, 1].mean(), abs=1e-5)
    (tool,) = model.score(image, [(61, 48)], views=10, mpp=0.25)
    assert float(done.stdout) == pytest.approx(tool.score, abs=SHIFTED)


@pytest.mark.parametrize("name", ["fold0/mean.binaryproto", "fold0/deploy.prototxt", "run.json"])
def test_a_changed_or_missing_file_is_named(small, tmp_path, name):
    net = shutil.copytree(small, tmp_path / "net")
    verify = ["sha256sum", "-c", "--quiet", "SHA256SUMS"]
    assert subprocess.run(verify, cwd=net).returncode == 0
    with (net / name).open("ab") as file:
        file.write(b" ")
    for found in ("another file", "no such file"):
        with pytest.raises(UserError, match=f"{name}: .*found {found}"):
            open_release(net)
        (net / name).unlink(missing_ok=True)


def test_a_run_with_folds_to_do_is_refused_and_nothing_is_left(checkout, evaluated_fold):
    done = run_tool(checkout, "release", evaluated_fold.parent, "--out", "half", "--without-onnx", status=2)
    assert "expected scores of every fold, found none of fold 1,2,3,4. Give --folds 0," in done.stderr
    assert not (checkout / "half").exists()


def test_a_folder_that_exists_is_refused(small, evaluated_fold):
    with pytest.raises(UserError, match="new folder"):
        release(evaluated_fold.parent, small, [0], onnx=False)


def test_what_its_nets_have_seen_goes_with_it(evaluated_fold, tmp_path, copy_of):
    """Else a release of an adapted net would be validated on cells that its source learned from."""
    place, fold = copy_of(evaluated_fold, "train_lmdb", "val_lmdb")
    write_source_images(fold, {"a" * 64})
    folder = release(fold.parent, tmp_path / "net", [0], onnx=False, say=lambda _: None)
    assert source_images(folder / "fold0") == {"a" * 64}
    assert fold_images(folder / "fold0") == fold_images(fold)
    assert seen_images(folder / "fold0") == seen_images(fold)
