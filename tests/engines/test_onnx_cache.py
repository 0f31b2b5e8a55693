"""The exported graph beside its model: made once, and made again where anything changed."""

import errno
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="the engines are not installed: make engines")

from deeppap.engines.onnx_export import cache
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT

DEPLOY = ROOT / "prototxt/deploy.prototxt"


@pytest.fixture
def model(trained_model, tmp_path):
    return Path(shutil.copy(trained_model, tmp_path))


@pytest.fixture
def made(monkeypatch):
    """Counts the exports, which stand in for themselves by their number."""
    exports = []

    def export(deploy, weights):
        exports.append(weights)
        return f"graph {len(exports)}".encode()

    monkeypatch.setattr(cache, "proven_graph", export)
    return exports


def test_it_is_made_once(model, made):
    assert cache.cached_graph(DEPLOY, model) == cache.cached_graph(DEPLOY, model) == b"graph 1"
    assert model.with_suffix(".onnx").read_bytes() == b"graph 1"
    assert len(made) == 1


@pytest.mark.parametrize("change", ["weights", "net", "graph", "record", "cut", "version"])
def test_it_is_made_again_where_something_changed(change, model, made, monkeypatch, tmp_path):
    cache.cached_graph(DEPLOY, model)
    deploy, graph, record = DEPLOY, model.with_suffix(".onnx"), model.with_suffix(".onnx.json")
    if change == "weights":
        model.write_bytes(model.read_bytes() + b"\0")
    elif change == "net":
        deploy = tmp_path / "other.prototxt"
        deploy.write_text(DEPLOY.read_text().replace("beta: 0.75", "beta: 0.5"))
    elif change == "graph":
        graph.write_bytes(b"graph X")
    elif change == "record":
        record.write_text("[1, 2")
    elif change == "cut":
        graph.write_bytes(graph.read_bytes()[:-1])
    else:
        monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert cache.cached_graph(deploy, model) == b"graph 2"
    assert json.loads(record.read_text())["made_from"]
    assert cache.cached_graph(deploy, model) == b"graph 2"


def test_a_graph_that_is_not_caffes_is_never_kept(model, monkeypatch):
    from deeppap.engines.onnx_export import layers

    wrong = layers.MAKERS | {"ReLU": layers.sigmoid}
    monkeypatch.setattr(layers, "MAKERS", wrong)
    with pytest.raises(UserError, match="relu1 within 1e-05 of its range"):
        cache.cached_graph(DEPLOY, model)
    assert sorted(path.suffix for path in model.parent.iterdir()) == [".caffemodel"]


def test_a_missing_model(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        cache.cached_graph(DEPLOY, tmp_path / "none.caffemodel")


@pytest.mark.parametrize(("number", "kept"), [(errno.EROFS, True), (errno.EACCES, True), (errno.ENOSPC, False)])
def test_a_place_that_is_only_read_still_gives_the_graph(model, made, monkeypatch, number, kept):
    def refuse(*_):
        raise OSError(number, "cannot be written")

    monkeypatch.setattr(cache, "write_bytes", refuse)
    if kept:
        assert cache.cached_graph(DEPLOY, model) == b"graph 1"
    else:
        with pytest.raises(OSError, match="cannot be written"):
            cache.cached_graph(DEPLOY, model)
