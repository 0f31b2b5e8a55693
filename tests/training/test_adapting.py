"""Adapting a trained net to another set: all eight layers are copied, the chain is kept, what does not fit is named."""

import csv
import dataclasses
import math
import re
import shlex
import shutil
from html import unescape

import cv2
import numpy as np
import pytest
from msgspec.structs import replace

from data_prep.dataset import open_dataset
from data_prep.image_hashes import (
    FOLD_IMAGES,
    IMAGES,
    SOURCE_IMAGES,
    fold_images,
    require_held_out,
    seen_images,
    source_images,
    unfit_images,
)
from data_prep.mean_image import SOURCE_MEAN
from deeppap.engines.device import Device
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import read_binary, read_prototxt
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import sha256_file
from deeppap.records import BlendRecord, FoldRecord, ModelRecord, Request, RunRecord, ScoreRecord
from deeppap.report.runs import named
from deeppap.report.tables.scores import thresholds_for_use
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate
from deeppap.training import blend, snapshots
from deeppap.training.caffe_log import parse
from deeppap.training.snapshots import kept_because
from deeppap.training.source import fitted_to, open_source, require_same_pixels, require_unseen_folds
from deeppap.training.train_fold import TrainOptions, lost_by_adapting, train_fold
from tests.support.caffe_nets import hand_written
from tests.support.checkout import ROOT, run_tool
from tests.support.records import change, change_scores
from tests.support.synthetic_run import model_record

LAYERS = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6_t", "fc7_t", "fc8_t"]


@pytest.fixture(scope="module", autouse=True)
def few_shares():
    """Fewer means of weights than a user's training tries: each is a net that is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blend, "SHARES", (1.0,))
        yield


@pytest.fixture(scope="module")
def other_fold(checkout, other_phantom):
    """Fold 0 of the other set, whose inner cells choose the snapshot."""
    words = ["--fold", 0, "--profile", "smallest", "--select", "inner", "--workers", 1, "--run", "other"]
    run_tool(checkout, "build_lmdb", *words, herlev=other_phantom)
    return checkout / "runs/other/fold0"


@pytest.fixture(scope="module")
def adapted_output(checkout, other_fold, trained_fold):
    words = ["--net", other_fold, "--from", trained_fold, "--gpu", "none", "--keep-snapshots"]
    return run_tool(checkout, "train", *words)


@pytest.fixture(scope="module")
def adapted_fold(other_fold, adapted_output):
    """The other fold with the first phantom's net adapted to it."""
    return other_fold


def test_the_nets_differ_in_rates_and_batch_alone():
    own, adapted = hand_written("train_val"), read_prototxt(ROOT / "prototxt/adapt/train_val.prototxt", "NetParameter")
    rates = {layer.name: [param.lr_mult for param in layer.param] for layer in adapted.layer if layer.param}
    assert rates == {name: [0, 0] if name.startswith("conv") else [1, 2] for name in LAYERS}
    for net in (own, adapted):
        net.ClearField("name")
        for layer in net.layer:
            layer.data_param.ClearField("batch_size")
            for param in layer.param:
                param.ClearField("lr_mult")
    assert own == adapted
    solver = read_prototxt(ROOT / "prototxt/adapt/solver.prototxt", "SolverParameter")
    assert solver.base_lr < hand_written("solver").base_lr


def test_all_eight_layers_begin_as_the_sources(adapted_fold, adapted_output, trained_fold):
    """The first test of the log is the source net's own loss; after an epoch conv1 to conv5 are as they were."""
    assert "from all eight layers of " in adapted_output.stdout
    epoch = math.ceil(FoldRecord.read(adapted_fold).train_lmdb.entries / 16)
    assert re.search(rf"1 epoch\b.* of {epoch} iterations .*of 16 views.*select inner", adapted_output.stdout)
    log = parse(adapted_fold / "train.log")
    assert [row[0] for row in log.train] == list(range(epoch)) and {row[2] for row in log.train} == {0.003}
    assert [row[0] for row in log.test] == [0, epoch]
    model, source = ModelRecord.read(adapted_fold), ModelRecord.read(trained_fold)
    assert (model.val_loss_before, model.val_accuracy_before) == log.test[0][1:]
    assert source.val_loss_before is None
    nets = [trained_fold / source.snapshot, adapted_fold / f"snapshots/convnet_t_iter_{epoch}.caffemodel"]
    before, after = (layers_of(read_binary(path, "NetParameter", "")) for path in nets)
    assert list(before) == list(after) == LAYERS
    for name in LAYERS:
        old, new = (blob_array(blobs[name][0]) for blobs in (before, after))
        assert bool(np.abs(new - old).max() > 0) is name.startswith("fc")
        assert np.corrcoef(old.ravel(), new.ravel())[0, 1] > 0.9  # from random values it would be 0


def test_the_source_stays_as_it_was_unless_the_inner_cells_show_a_gain(
    adapted_fold, trained_fold, copy_of, monkeypatch
):
    _, fold = copy_of(adapted_fold, "train_lmdb")
    (last,) = fold.glob("snapshots/*_iter_*.caffemodel")
    trained = replace(ModelRecord.read(fold), snapshot=str(last.relative_to(fold)), weights_sha=sha256_file(last))
    source, run, device = open_source(trained_fold), RunRecord.read(fold.parent), Device(without_gpu=True)
    own, data = FoldRecord.read(fold), (fold / "mean.binaryproto").read_bytes()
    monkeypatch.setattr(blend, "chosen", lambda *_: 0.75)
    gained = blend.blended(fold, trained, source, run, device).blend
    tried = {one.share: one for one in gained.tried}
    assert list(tried) == [0, *blend.SHARES]
    inner = [cell for cell, part, _ in fold_images(fold) if part == "inner"]
    assert gained.abnormal + gained.normal == len(inner)
    assert gained.share == 0.75
    monkeypatch.setattr(blend, "chosen", lambda *_: 0.0)
    model = blend.blended(fold, trained, source, run, device)
    assert model.blend.tried == gained.tried
    assert model.blend.share == 0 and model.weights_sha == source.origin.weights_sha
    assert (model.iteration, model.epoch) == (0, 0)
    # interrupted before model.json, the same call finds the same
    assert blend.blended(fold, trained, source, run, device) == model
    model.write(fold)
    # a fold that is built again has the same mean image, that of its own views; the net learned less the source's
    source_mean = FoldRecord.read(trained_fold).mean_sha
    assert model.source_mean_sha == sha256_file(fold / "source_mean.binaryproto") == source_mean
    written = read_prototxt(fold / "train_val.prototxt", "NetParameter")
    assert {layer.transform_param.mean_file.split("/")[-1] for layer in written.layer[:2]} == {SOURCE_MEAN}
    assert own.mean_sha != FoldRecord.read(trained_fold).mean_sha
    assert FoldRecord.read(fold) == own and (fold / "mean.binaryproto").read_bytes() == data
    # with the source's own mean image: the same pixels have the same score
    image = np.random.default_rng(0).integers(0, 255, (140, 140, 3), np.uint8)
    scores = [TrainedModel.open(folder).score(image, [(70, 70)], 2, 2)[0].score for folder in (fold, trained_fold)]
    assert scores[0] == scores[1]
    # an adapted net that kept its source is itself a source
    again = blend.blended(fold, trained, open_source(fold), run, device)
    assert (again.source_mean_sha, again.blend.tried[0]) == (model.source_mean_sha, model.blend.tried[0])


@pytest.mark.parametrize(("trained", "share"), [(79, 0), (80, 0.5), (159, 0.5), (160, 0.75)])
def test_without_inner_cells_the_number_of_training_cells_decides(adapted_fold, trained_fold, copy_of, trained, share):
    _, fold = copy_of(adapted_fold)
    (last,) = fold.glob("snapshots/*_iter_*.caffemodel")
    own = replace(ModelRecord.read(fold), snapshot=str(last.relative_to(fold)), weights_sha=sha256_file(last))
    replace(FoldRecord.read(fold), train_cells=trained).write(fold)
    run, source = replace(RunRecord.read(fold.parent), select="last"), open_source(trained_fold)
    model = blend.blended(fold, own, source, run, Device(without_gpu=True))
    assert model.blend == BlendRecord(share=share, trained=trained)
    assert (model.weights_sha == source.origin.weights_sha) is (not share)
    nets = [read_binary(path, "NetParameter", "") for path in (source.weights, last, model.weights_in(fold))]
    old, new, mean = (blob_array(layers_of(net)["fc8_t"][0]) for net in nets)
    assert mean == pytest.approx((1 - share) * old + share * new, abs=1e-7)
    line = kept_because(model.blend)
    assert line.startswith("not adapted") is (not share) and str(trained) in line


def test_a_source_of_another_border_is_not_compared(adapted_fold, trained_fold, copy_of, monkeypatch):
    place, fold = copy_of(adapted_fold, "model.json")
    monkeypatch.chdir(place)
    source = open_source(trained_fold)
    source = dataclasses.replace(source, run=replace(source.run, border="reflect"))
    said = []
    model = train_fold(fold, TrainOptions(source=source, device=Device(without_gpu=True)), say=said.append)
    assert model.blend is None and "_iter_" in model.snapshot
    assert model.select == "last"  # by inner cells an adapted net is blended, not stopped
    assert any("border is reflect, and this run's constant" in line for line in said)


@pytest.mark.parametrize(("after", "said"), [(0.5, False), (0.6, True), (0.7, True)])
def test_an_adapting_that_its_validation_cells_speak_against_is_said(after, said):
    model = model_record(val_loss=after, val_accuracy=0.8, val_loss_before=0.6, val_accuracy_before=0.9)
    line = lost_by_adapting(model)
    assert bool(line) is said
    assert not said or "loss 0.600, accuracy 0.900 before" in line and f"loss {after:.3f}, accuracy 0.800 after" in line
    assert lost_by_adapting(model_record(val_loss=after)) is None  # trained from CaffeNet


def test_the_chain_goes_back_to_the_first_weights(adapted_fold, trained_fold, source_weights):
    model, first = ModelRecord.read(adapted_fold), ModelRecord.read(trained_fold)
    source = model.source
    assert (source.run, source.fold, source.dataset.name) == ("phantom-cell-smallest", 0, "phantom")
    assert source.datasets == ["phantom"]
    assert source.weights_sha == model.recipe.weights_sha == first.weights_sha
    assert source.fold_sha == first.fold_sha != model.fold_sha
    assert source.recipe.weights_sha == sha256_file(source_weights)
    assert source_images(adapted_fold) == unfit_images(trained_fold, RunRecord.read(trained_fold.parent))
    # an adapted net is itself a source, which has seen what its own source had
    again = open_source(adapted_fold / model.snapshot)
    assert again.origin.recipe.source == source
    assert again.origin.datasets == ["phantom", "phantom"]
    assert again.seen > seen_images(trained_fold)


def test_a_second_call_knows_the_source(checkout, adapted_fold, trained_fold, source_weights):
    words = ["--net", adapted_fold, "--gpu", "none"]
    assert "already trained" in run_tool(checkout, "train", *words, "--from", trained_fold).stdout
    refused = run_tool(checkout, "train", *words, "--weights", source_weights, status=2).stderr
    assert "solver " in refused and "weights convnet_t_iter_9.caffemodel" in refused and refused.count("\n") == 1


def test_a_set_that_the_source_has_seen_validates_no_adapted_net(checkout, adapted_fold, dataset, tmp_path):
    """Its own run's images are others: only what its source had seen tells."""
    seen = next(cell for cell, part, _ in fold_images(checkout / "runs/phantom-cell-smallest/fold0") if part == "train")
    cell = dataset.by_id()[seen]
    cv2.imwrite(str(tmp_path / "renamed.png"), cv2.imread(str(cell.image)))
    row = f"renamed.png,{cell.label},{cell.centre[0]},{cell.centre[1]}\n"
    (tmp_path / "cells.csv").write_text(f"image,label,nucleus_x,nucleus_y\n{row}")
    words = [tmp_path / "cells.csv", "--net", adapted_fold, "--gpu", "none"]
    said = run_tool(checkout, "validate", *words, status=2).stderr
    assert "1 of the 1 images" in said and "renamed.png" in said


def refusal(fold, source, **options):
    with pytest.raises(UserError) as caught:
        train_fold(fold, TrainOptions(source=open_source(source), **options), say=lambda _: None)
    assert not (fold / "train.log").exists() and not (fold / SOURCE_IMAGES).exists()
    return str(caught.value)


def with_rows(fold, change):
    path = fold / FOLD_IMAGES
    rows = list(csv.reader(path.open()))
    path.write_text("\n".join(",".join(change(row)) for row in rows) + "\n")


@pytest.mark.parametrize("part", ["test", "inner"])
def test_a_source_that_knows_a_held_out_cell_is_refused_by_its_pixels(adapted_fold, trained_fold, copy_of, part):
    _, fold = copy_of(adapted_fold, "model.json", "train.log", "snapshots", SOURCE_IMAGES)
    known = next(value for _, p, value in fold_images(trained_fold) if p == "train")
    first = next(cell for cell, p, _ in fold_images(fold) if p == part)
    with_rows(fold, lambda row: [*row[:2], known] if row[0] == first else row)
    assert f"1 image(s) of this set: the image of {first}." in refusal(fold, trained_fold)


@pytest.mark.parametrize("count", [3, 12])
def test_every_image_of_the_set_that_the_source_knows_is_named(tmp_path, count):
    names = {f"{k:064x}": f"field_{k:02}.png" for k in range(count)}
    rest = {f"{k + 100:064x}": f"new_{k}.png" for k in range(3)}
    (tmp_path / IMAGES).write_text("".join(f"{value}  {name}\n" for value, name in (names | rest).items()))
    # one of them is held out here, and the others would be by the next split
    rows = [("a", "test", f"{0:064x}"), ("b", "train", f"{1:064x}"), ("c", "test", f"{100:064x}")]
    with pytest.raises(UserError) as caught:
        require_held_out(rows, tmp_path / "fold0", names.keys(), tmp_path)
    assert f"{count} image(s)" in caught.value.found and "new" not in caught.value.found
    assert [name in caught.value.found for name in names.values()] == [k < 10 for k in range(count)]
    assert ("2 more" in caught.value.found) is (count == 12)
    require_held_out(rows[1:], tmp_path / "fold0", names.keys(), tmp_path)


def test_what_no_fold_could_be_trained_from_is_told_before_one_is_built(trained_fold, phantom, tmp_path, monkeypatch):
    """A fold of the paper's profile is 25 GB and an hour of work."""
    monkeypatch.chdir(tmp_path)
    options = CrossValidateOptions(source=open_source(trained_fold), folds=[1])
    request = Request(data=(str(phantom),), profile="smallest", seed=5)
    lists = r"a net of the classes superficial \(normal\), .*, found one of normal \(normal\), abnormal \(abnormal\)"
    for classes, said in ((7, f"source: expected {lists}"), (None, "has not seen the held-out")):
        with pytest.raises(UserError, match=said):
            cross_validate(replace(request, classes=classes), options, say=lambda _: None)
    assert not list(tmp_path.glob("runs/*/fold*/*")) and not list(tmp_path.glob("runs/*7class*"))


@pytest.mark.parametrize("part", [{"test"}, {"train"}])
def test_images_that_the_source_has_learned_from_are_told_where_they_only_train(
    adapted_fold, trained_fold, other_phantom, part
):
    cells = open_dataset(other_phantom).by_id()
    parts = {"train": [], "inner": [], "test": []}
    for cell, of, _ in fold_images(adapted_fold):
        parts[of].append(cells[cell])
    known = [value for cell, of, value in fold_images(adapted_fold) if of in part][:2]
    source = dataclasses.replace(open_source(trained_fold), seen=frozenset(known))
    if part == {"test"}:
        with pytest.raises(UserError, match=r"2 image\(s\) of this set"):
            require_unseen_folds(source, adapted_fold.parent, {0: parts})
    else:
        line = require_unseen_folds(source, adapted_fold.parent, {0: parts})
        assert f"2 of the {len(cells)} images" in line
        assert not require_unseen_folds(dataclasses.replace(source, seen=frozenset()), adapted_fold.parent, {0: parts})


def test_what_is_no_source_is_named(adapted_fold, trained_fold, source_weights, copy_of, tmp_path):
    _, fold = copy_of(adapted_fold, "model.json", "train.log", "snapshots", SOURCE_IMAGES)
    assert "expected a trained fold" in refusal_of(source_weights)
    assert "found no such fold" in refusal_of(tmp_path / "none")
    assert "found no model.json" in refusal_of(fold)
    source = tmp_path / "source"
    shutil.copytree(trained_fold.parent, source / "run", ignore=shutil.ignore_patterns("*_lmdb"))
    weights = next((source / "run/fold0/snapshots").glob("*.caffemodel"))
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "found none, or a changed one" in refusal_of(source / "run/fold0")
    change(ModelRecord, source / "run/fold0", weights_sha=sha256_file(weights))
    assert "cut short" in refusal(fold, source / "run/fold0")
    net = read_binary(trained_fold / ModelRecord.read(trained_fold).snapshot, "NetParameter", "")
    del net.layer[-3:]
    weights.write_bytes(net.SerializeToString())
    change(ModelRecord, source / "run/fold0", weights_sha=sha256_file(weights))
    assert "expected weights of fc8_t" in refusal(fold, source / "run/fold0")
    change(RunRecord, source / "run", classes=7)
    assert "found one of superficial (normal), " in refusal(fold, source / "run/fold0")


def refusal_of(given):
    with pytest.raises(UserError) as caught:
        open_source(given)
    return str(caught.value)


@pytest.mark.parametrize("tool", ["train", "cross_validate"])
def test_cells_too_few_to_adapt_a_net_are_refused_before_training(
    checkout, other_phantom, trained_fold, quick_reports, tool
):
    words = ["--data", other_phantom, "--profile", "smallest", "--run", "few", "--gpu", "none", "--protocol", "field"]
    done = run_tool(checkout, tool, "--from", trained_fold, *words, status=2)
    assert re.search(r"found not enough: \d+ training cells .* takes 80\. Nothing was trained", done.stderr)
    assert done.stderr.count("\n") == 1 and "label-adapt-screen.md" in done.stderr
    assert not (checkout / "runs/few").exists()


def test_one_command_builds_adapts_and_scores(checkout, other_phantom, trained_fold, quick_reports, monkeypatch):
    monkeypatch.setattr(snapshots, "FEWEST_TRAINED", 10)
    words = ["--data", other_phantom, "--profile", "smallest", "--run", "at-once", "--gpu", "none", "--workers", 1]
    done = run_tool(checkout, "train", "--from", trained_fold, *words)
    fold = checkout / "runs/at-once/fold0"
    assert f"trained net: {fold.relative_to(checkout)}" in done.stdout
    record = RunRecord.read(fold.parent)
    assert (record.protocol, record.select) == ("field", "last")
    assert ModelRecord.read(fold).source.run == trained_fold.parent.name
    assert (fold / "scores.csv").exists() and not (fold.parent / "fold1").exists()
    # no cells but the test cells are held back from training
    assert {part for _, part, _ in fold_images(fold)} == {"train", "test"}
    assert {one.by for one in TrainedModel.open(fold).thresholds} == {"test"}
    # the tool, the page of the training and whoever opens the net say which weights were kept, in the same words
    blend = ModelRecord.read(fold).blend
    assert blend.share == 0.5
    line = kept_because(blend)
    assert line in done.stdout and line[1:] in unescape((fold / "learning.html").read_text())
    # what so few test cells can show is said before the training, and again at its end
    cells = [cell for cell, part, _ in fold_images(fold) if part == "test"]
    assert f"test cells: {len(cells)}, " in done.stdout.partition("-- fold")[0]
    assert done.stdout.splitlines()[-2].startswith("verdict: ")
    # the same command again says what adapting gained
    again = run_tool(checkout, "train", "--from", trained_fold, *words).stdout
    assert "at-once: gain over at-once-before" in again
    # scores of a net without evidence that it learned should not be used: it is not what to screen with
    assert ScoreRecord.beside(fold / "scores.csv").doubt and "tools/screen.py" not in again.splitlines()[-1]
    change_scores(fold, doubt=None)
    again = run_tool(checkout, "train", "--from", trained_fold, *words).stdout
    report, screening, _ = again.splitlines()[-1].removeprefix("Next: ").split(", ")
    assert shlex.split(report) == ["tools/report.py", "runs/at-once-before", "runs/at-once"]
    # the phantom's cells state no pixel size
    options = ["--mpp", "UM", "--net", "runs/at-once/fold0", "--out", "screen/adapted"]
    assert shlex.split(screening)[1:] == ["tools/screen.py", "IMAGES", *options]
    before, after = (load_run(fold.parent.with_name(name)) for name in ("at-once-before", "at-once"))
    assert before.ids == after.ids and before.record.external
    # so few test cells choose no threshold
    assert "no sens95: " in done.stdout and thresholds_for_use(named([before, after])) is None
    assert TrainedModel.open(fold).not_adapted is None
    # a net that kept its source is told so
    change(ModelRecord, fold, blend=replace(blend, share=0.0))
    again = run_tool(checkout, "train", "--from", trained_fold, *words).stdout
    assert "not adapted" in again and "label more cells" in again.splitlines()[-1]
    assert TrainedModel.open(fold).not_adapted
    done = run_tool(checkout, "train", "--net", fold, "--from", trained_fold, *words, status=2)
    assert "--data" in done.stderr and "--net" in done.stderr


def test_cells_come_before_a_source_at_its_own_pixel_size(trained_fold):
    source = open_source(trained_fold)
    assert fitted_to(source, Request(pixel_um=0.3)).pixel_um == 0.3  # nobody knows the phantom's
    run = replace(source.run, dataset=replace(source.run.dataset, pixel_um=0.2))
    known = dataclasses.replace(source, run=run)
    assert fitted_to(known, Request()).pixel_um == fitted_to(known, Request(pixel_um=0.2)).pixel_um == 0.2
    mirror = dataclasses.replace(source, run=replace(source.run, border="reflect"))
    borders = [fitted_to(one, Request(border=asked)).border for one in (source, mirror) for asked in (None, "constant")]
    assert borders == ["constant", "constant", "reflect", "constant"]
    for size, found in ((0.25, "0.25 um"), (None, "none stated")):
        with pytest.raises(FieldError, match=f"source: expected cells at the 0.2 um a pixel .*, found {found}"):
            require_same_pixels(known, size)
    with pytest.raises(FieldError, match="0.2 um a pixel"):
        fitted_to(known, Request(pixel_um=0.25))
