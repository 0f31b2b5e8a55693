"""Heat maps and the net's own arrays, made for a report from a fold's weights and images if these are there."""

from pathlib import Path

from deeppap.engines.device import caffe_select
from deeppap.io.errors import UserError
from deeppap.io.files import read_arrays
from deeppap.scoring import heatmaps, net_figures
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.scoring.trained_model import TrainedModel


def ensure_net_files(run: RunResult) -> None:
    """Write heatmaps.npz and net_figures.npz into the first fold that has its weights, unless they are there.

    Nothing is written if the images or Caffe are missing: the figures say then what is not there.
    """
    fold = next((fold for fold in run.folds if fold.model and fold.model.weights_in(fold.folder).exists()), None)
    if fold is None or caffe_select() is None:
        return
    if all(_is_of(fold.folder / module.FILE, fold) for module in (heatmaps, net_figures)):
        return
    try:
        model = TrainedModel.open(fold.folder, say=lambda _: None)
        test = {cell.id: cell for cell in model.fold_cells()["test"]}
    except UserError:
        return
    # the fold's normal and abnormal cells alone: junk and the like have no right score to be near to or far from
    cells = [test[cell] for cell in fold.ids]
    heatmaps.write_heatmaps(model, cells, fold.scores.tolist())
    net_figures.write_net_figures(model, cells[0])


def _is_of(path: Path, fold: FoldResult) -> bool:
    """Whether a file of arrays was made with the fold's selected net."""
    if not path.exists():
        return False
    try:
        return str(read_arrays(path, "arrays", "Remove it.").get("weights_sha")) == fold.model.weights_sha
    except UserError:
        return False
