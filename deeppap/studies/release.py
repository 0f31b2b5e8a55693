"""A net for use: a run's trained folds with all that scoring needs, and nothing else (no image, no LMDB)."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.fold_images import FILE, SOURCE
from data_prep.image_hashes import IMAGES
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file, write_text
from deeppap.records import RunRecord
from deeppap.report.model_card import card
from deeppap.report.model_card_text import RELEASED
from deeppap.report.release_text import release_text
from deeppap.scoring.export_onnx import export_onnx, proof_views
from deeppap.scoring.known_cells import FILE as KNOWN_CELLS
from deeppap.scoring.open_nets import SUMS
from deeppap.scoring.refusal import Refusal
from deeppap.scoring.results import FoldResult, RunResult, load_run
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.keep_results import without_paths

OF_FOLD = ("fold.json", "mean.binaryproto", "deploy.prototxt")
WHERE_THERE = (KNOWN_CELLS, FILE, SOURCE)  # the last two: checksums of the images that it and its source learned from


def release(
    run: Path,
    out: Path,
    folds: Sequence[int] | None = None,
    onnx: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """Write a release folder, complete or absent: a run folder reduced to what scoring needs, its folds opened as any.

    Parameters
    ----------
    folds : sequence of int, optional
        Whose nets; all of them without.
    onnx : bool
        Whether each net comes as ONNX too, proven against Caffe on views of its own test cells.

    Raises
    ------
    UserError
        Where a fold is missing or does not fit together, `out` exists, or the data set for the proof is not there.
    """
    result = load_run(run)
    _require_scored(result, range(result.n_folds) if folds is None else folds)
    if out.exists():
        raise UserError(out, "a new folder", "one that exists", "Remove it, or give another `out`.")
    chosen = [fold for fold in result.folds if folds is None or fold.fold in folds]
    models = [TrainedModel.open(fold.folder, say=say) for fold in chosen]
    with complete_or_absent(out) as partial:
        partial.mkdir(parents=True)
        without_paths(RunRecord.read(run)).write(partial)
        for name in ("split.json", IMAGES):
            shutil.copyfile(run / name, partial / name)
        for model, fold in zip(models, chosen, strict=True):
            _copy_fold(model, fold, partial / fold.folder.name)
            write_text(partial / fold.folder.name / "readme.md", card(result, fold, out.name, RELEASED))
            if onnx:
                export_onnx(model, proof_views(model, Refusal(False, say)), partial / fold.folder.name / "onnx", say)
        write_text(partial / "readme.md", release_text(result, [fold.fold for fold in chosen], out.name, onnx))
        write_text(partial / SUMS, _sums(partial))
    return out


def _require_scored(result: RunResult, wanted: Sequence[int]) -> None:
    missing = sorted(set(wanted) - {fold.fold for fold in result.folds})
    if missing or not wanted:
        found = f"none of fold {','.join(map(str, missing))}"
        do = "Run tools/cross_validate.py to its end, or name the folds with `folds`."
        raise UserError(result.folder, "scores of every fold", found, do)


def _copy_fold(model: TrainedModel, fold: FoldResult, out: Path) -> None:
    """A fold's net and the records by which it is opened, checked and, without its scores, judged."""
    weights = out / "snapshots" / model.weights.name
    weights.parent.mkdir(parents=True)
    shutil.copyfile(model.weights, weights)
    for name in OF_FOLD:
        shutil.copyfile(model.folder / name, out / name)
    for name in WHERE_THERE:
        if (model.folder / name).exists():
            shutil.copyfile(model.folder / name, out / name)
    without_paths(fold.model).write(out)
    without_paths(fold.made[0]).write_beside(out / scores_name())


def _sums(folder: Path) -> str:
    """As sha256sum writes and checks them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_file(path)}  {path.relative_to(folder)}\n" for path in files)
