"""The ONNX files of a trained fold: both files, what they say of themselves, and what they give."""

import json

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the engines are not installed: make engines")

from deeppap.io.errors import UserError
from deeppap.scoring.export_onnx import export_onnx, proof_views
from deeppap.scoring.trained_model import TrainedModel


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    out, said = tmp_path_factory.mktemp("onnx") / "net", []
    export_onnx(model, proof_views(model), out, said.append)
    return out, "\n".join(said)


@pytest.fixture(scope="module")
def model(trained_fold):
    return TrainedModel.open(trained_fold)


def test_every_layer_is_shown_beside_caffes(exported):
    out, said = exported
    assert "Caffe and ONNX" in said.splitlines()[0]
    for name in ("conv1", "norm2", "pool5", "fc8_t", "prob", "views graph"):
        assert any(line.startswith(name) for line in said.splitlines()), name
    assert sorted(path.name for path in out.iterdir()) == ["crops.onnx", "views.onnx"]


@pytest.mark.parametrize("name", ["crops", "views"])
def test_the_files_say_what_they_are(exported, model, name):
    import onnx

    graph = onnx.load(exported[0] / f"{name}.onnx")
    onnx.checker.check_model(graph, full_check=True)
    facts = {entry.key: entry.value for entry in graph.metadata_props}
    assert json.loads(facts["classes"]) == ["normal", "abnormal"]
    assert (facts["model_sha256"], facts["mean_sha256"]) == (model.weights_sha, model.record.mean_sha)
    assert "research only" in facts["use"] and "phantom" in facts["trained_on"]


def test_a_graph_that_differs_takes_no_name(model, rng, tmp_path, monkeypatch):
    from deeppap.engines import onnx_views as views_graph

    right = views_graph.corners
    monkeypatch.setattr(views_graph, "corners", lambda size, crop: right(size, crop)[::-1])  # another first crop
    views = rng.integers(0, 256, (1, 256, 256, 3), np.uint8)
    with pytest.raises(UserError, match="graph of views"):
        export_onnx(model, views, tmp_path / "out", say=lambda _: None)
    assert not (tmp_path / "out").exists()
