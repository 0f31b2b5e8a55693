"""Screening by the nets of a release: every cell by each of them, averaged."""

from dataclasses import replace

import cv2
import pytest

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.phantom.field import field_of
from deeppap.scoring.known_cells import FILE as KNOWN_CELLS
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening import screen_tile
from deeppap.screening.plan_image import plan_image, tiles_of_plan
from deeppap.screening.screen_tile import cells_of
from deeppap.screening.settings import settings_of
from deeppap.studies.release import release
from tests.support.checkout import run_tool
from tests.support.screening import MPP, settings_for
from tests.support.second_net import second_net

pytest.importorskip("pyarrow", reason="make slides")


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    path = tmp_path_factory.mktemp("field") / "field.png"
    cv2.imwrite(str(path), field_of(7, 0, 14, (400, 420))[0][..., ::-1])
    return path


@pytest.fixture
def nets(trained_fold, tmp_path, monkeypatch):
    one = TrainedModel.open(trained_fold, say=lambda _: None)
    other = second_net(one, tmp_path / "other.caffemodel")
    opened = {net.folder: net for net in (one, other)}
    monkeypatch.setattr(TrainedModel, "open", classmethod(lambda cls, folder: opened[folder]))
    screen_tile._nets.cache_clear()  # which stand-ins a process has opened is not in its settings
    yield one, other
    screen_tile._nets.cache_clear()


def cells_by(nets, field, folder):
    options = {"views": 1, "crops": 2, "training_mpp": MPP, "confidence": 0.2}
    plan = plan_image(field, settings_of(nets, Device(without_gpu=True), **options), folder, MPP)
    return plan, [cell for tile in tiles_of_plan(plan) for cell in cells_of(plan, tile).cells]


def test_scores_are_the_mean_of_each_nets_own(nets, field, tmp_path):
    one, other = nets
    (_, first), (_, second), (plan, both) = (cells_by(each, field, tmp_path) for each in ([one], [other], [one, other]))
    assert len(both) == len(first) == len(second) > 3
    means = [(a.score + b.score) / 2 for a, b in zip(first, second, strict=True)]
    assert [cell.score for cell in both] == pytest.approx(means, abs=1e-9)
    assert max(abs(a.score - b.score) for a, b in zip(first, second, strict=True)) > 1e-4
    assert plan.settings.model_sha256 not in (one.sha256, other.sha256)
    assert cells_by([other, one], field, tmp_path)[0].key != plan.key


def test_a_release_is_screened_by_and_checked(checkout, evaluated_fold, field, tmp_path):
    made = release(evaluated_fold.parent, tmp_path / "net", [0], onnx=False, say=lambda _: None)
    words = ["--mpp", MPP, "--training-mpp", MPP, "--gpu", "none", "--views", 1, "--confidence", 0.2]
    run_tool(checkout, "screen", field, "--net", made, *words, "--out", tmp_path / "a")
    run_tool(checkout, "screen", field, "--net", evaluated_fold, *words, "--out", tmp_path / "b")
    assert (tmp_path / "a/cells.csv").read_bytes() == (tmp_path / "b/cells.csv").read_bytes()
    (made / "fold0/model.json").write_text("{}")
    done = run_tool(checkout, "screen", field, "--net", made, *words, "--out", tmp_path / "c", status=2)
    assert "model.json: expected the file that was released" in done.stderr and not (tmp_path / "c").exists()


def test_training_cells_that_changed_since_the_plan_are_refused(evaluated_fold, field, tmp_path):
    settings = settings_for(evaluated_fold, confidence=0.2)
    plan = plan_image(field, replace(settings, known_sha256="0" * 64), tmp_path, MPP)
    with pytest.raises(UserError, match=f"{KNOWN_CELLS}: expected the weights and files as they were when"):
        cells_of(plan, tiles_of_plan(plan)[0])
