"""A trained net written as ONNX for programs that have no Caffe, and compared with Caffe before it takes its name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from data_prep.views import render
from deeppap.engines.crops import crop_views
from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file, write_bytes
from deeppap.io.machine import extra
from deeppap.phantom.field import field_of
from deeppap.scoring.cell_views import render_views
from deeppap.scoring.trained_model import TrainedModel

ALLOWED = 1e-5  # between the probabilities of the views' graph and Caffe's
USE = "research only; this is not a medical device"


def export_onnx(model: TrainedModel, views: np.ndarray, out: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Write `<out>/crops.onnx` (data -> prob) and `<out>/views.onnx` (whole views -> prob).

    Both graphs are compared with Caffe on `views` of real cells, uint8 (V, 256, 256, 3), BGR.

    Raises UserError if the net cannot be exported, or a layer's output lies too far from Caffe's; no file is then
    written.
    """
    onnx = extra("onnx", "exporting a net", "engines")
    from deeppap.engines.onnx_graph import net_graph
    from deeppap.engines.onnx_proof import compare_layers, run_onnx
    from deeppap.engines.onnx_views import views_graph

    caffe = model.engine(Device())  # Caffe on the CPU
    # Caffe is the reference: another engine has a graph of the same make
    net, crops = net_graph(model.deploy, model.weights, sha256=model.weights_sha), model.crops()
    cut = crop_views(views, model.mean, caffe.crop, crops)
    say(f"{model.folder.name}: largest difference of each layer between Caffe and ONNX, of the layer's largest value:")
    for difference in compare_layers(net, model.deploy, model.weights, cut):
        say(str(difference))
    whole = views_graph(net, model.mean, crops)
    expected = caffe(cut).reshape(len(views), crops, -1).mean(axis=1)
    largest = np.abs(run_onnx(whole, views)["prob"] - expected).max()
    say(f"{'views graph':12} {largest:.2e} between its probabilities and Caffe's")
    if not largest <= ALLOWED:  # NaN too
        raise UserError("the ONNX graph of views", f"within {ALLOWED:g} of Caffe's", f"{largest:.2e}", "Use Caffe.")
    paths = []
    for name, graph in (("crops", net), ("views", whole)):
        onnx.helper.set_model_props(graph, facts(model, crops))
        onnx.checker.check_model(graph, full_check=True)
        paths.append(out / f"{name}.onnx")
        write_bytes(paths[-1], graph.SerializeToString())
    return paths


def facts(model: TrainedModel, crops: int) -> dict[str, str]:
    """What the files say of the net: where it comes from and what its outputs are."""
    data, asked = model.run.dataset, f"{model.run.protocol} protocol, profile {model.run.profile}"
    return {
        "classes": json.dumps([one.name for one in model.outputs]),
        "labels": json.dumps([one.label for one in model.outputs]),  # P(abnormal) is the sum over the abnormal ones
        "model_sha256": model.weights_sha,
        "mean_sha256": sha256_file(model.mean_file),
        "run": model.folder.resolve().parent.name,
        "fold": str(model.record.fold),
        "trained_on": f"{data.name}, {data.cells} cells, {asked}",
        "crops_of_a_view": str(crops),
        "use": USE,
    }


def drawn_views(model: TrainedModel) -> np.ndarray:
    """A view each of drawn cells, uint8 (V, 256, 256, 3), BGR: to compare graphs where there is no image of a cell."""
    image, cells = field_of(seed=1, number=0, cells=4)
    views = [model.views(1).of(str(number))[0][1] for number in range(len(cells))]
    return np.stack([render(image[..., ::-1], (cell.x, cell.y), view) for cell, view in zip(cells, views, strict=True)])


def proof_views(model: TrainedModel) -> np.ndarray:
    """Two views each of the first and the last of a fold's test cells, by id, uint8 (4, 256, 256, 3), BGR."""
    cells = model.fold_cells()["test"]
    views = [render_views(cell, [v for _, v in model.views(2).of(cell.id)]) for cell in (cells[0], cells[-1])]
    return np.concatenate(views)
