"""A release: the trained nets of a run with all that scoring needs, and nothing else (no image, no LMDB)."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.image_hashes import FOLD_IMAGES, IMAGES, SOURCE_IMAGES
from data_prep.mean_image import MEAN
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, sha256_file, write_text
from deeppap.records import ModelRecord, RunRecord
from deeppap.records.record import without_paths
from deeppap.records.release_files import SUMS
from deeppap.report.release_pages import model_card, onnx_section, release_page
from deeppap.scoring.export_onnx import drawn_views, export_onnx, proof_views
from deeppap.scoring.ood import FILE as OOD_FILE
from deeppap.scoring.open_nets import of_each, open_release
from deeppap.scoring.results import FoldResult, load_run
from deeppap.scoring.score_files import scores_name
from deeppap.scoring.trained_model import TrainedModel

OF_FOLD = ("fold.json", MEAN, "deploy.prototxt")
# the last two are checksums of the images that a net, and the net it was adapted from, learned from
IF_THERE = (OOD_FILE, FOLD_IMAGES, SOURCE_IMAGES)


def release(
    run: Path, out: Path, folds: Sequence[int] | None = None, onnx: bool = True, say: Callable[[str], None] = print
) -> Path:
    """Write a release folder, complete or not at all. It is a run folder with only what scoring needs.

    By default the nets of all `folds` are released. `onnx` graphs are compared with Caffe on views of each net's own
    test cells.

    Raises UserError if a fold is missing or does not fit together, if `out` exists, or if the data set is needed and
    not there.
    """
    result = load_run(run)
    wanted = range(result.n_folds) if folds is None else folds
    if (missing := sorted(set(wanted) - {fold.fold for fold in result.folds})) or not wanted:
        found = f"none of fold {','.join(map(str, missing))}"
        there = ",".join(str(fold.fold) for fold in result.folds)
        do = f"{f'Give `folds` {there}, or run' if there else 'Run'} tools/cross_validate.py to its end."
        raise UserError(result.folder, "scores of every fold", found, do)
    _require_new(out)
    chosen = [fold for fold in result.folds if fold.fold in wanted]
    for fold in chosen:
        ModelRecord.read(fold.folder)  # a net of `caffe train` that was started by hand has none
    models = [TrainedModel.open(fold.folder, say=say) for fold in chosen]
    with complete_or_absent(out) as partial:
        partial.mkdir(parents=True)
        without_paths(RunRecord.read(run)).write(partial)
        for name in ("split.json", IMAGES):
            shutil.copyfile(run / name, partial / name)
        for model, fold in zip(models, chosen, strict=True):
            _copy_fold(model, fold, partial / fold.folder.name)
            write_text(partial / fold.folder.name / "readme.md", model_card(result, fold, out.name))
            if onnx:
                export_onnx(model, proof_views(model), partial / fold.folder.name / "onnx", say)
        write_text(partial / "readme.md", release_page(result, [fold.fold for fold in chosen], out.name, onnx))
        _write_sums(partial)
    _say_doubts(models, say)
    return out


def with_onnx(source: Path, out: Path, say: Callable[[str], None] = print) -> Path:
    """Write a release again with ONNX graphs, complete or not at all.

    It has no image of a cell, so the graphs are compared with Caffe on drawn cells.

    Raises UserError if a file of it is missing or changed, or if `out` exists.
    """
    models = open_release(source, say)
    if (models[0].folder / "onnx").exists():
        raise UserError(source, "a release without ONNX graphs", "one that has them", "Use those.")
    _require_new(out)
    with complete_or_absent(out) as partial:
        shutil.copytree(source, partial, ignore=shutil.ignore_patterns(".*", f"{SUMS}*"))
        for model in models:
            export_onnx(model, drawn_views(model), partial / model.folder.name / "onnx", say)
        readme = partial / "readme.md"
        before, end, rest = readme.read_text(encoding="utf-8").partition("`sha256sum ")
        section = onnx_section(models[0].run, [model.record.fold for model in models])
        write_text(readme, f"{before}{section}\n{end}{rest}")
        _write_sums(partial)
    _say_doubts(models, say)
    return out


def _say_doubts(models: Sequence[TrainedModel], say: Callable[[str], None]) -> None:
    for line in of_each(models, "doubt"):
        say(f"!! {line} !!")


def _require_new(out: Path) -> None:
    if out.exists():
        raise UserError(out, "a new folder", "one that exists", "Remove it, or give another `out`.")


def _write_sums(folder: Path) -> None:
    """As sha256sum writes and checks them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    write_text(folder / SUMS, "".join(f"{sha256_file(path)}  {path.relative_to(folder)}\n" for path in files))


def _copy_fold(model: TrainedModel, fold: FoldResult, out: Path) -> None:
    """A fold's net, and the records by which it is opened and checked. Of its scores only the record is copied."""
    weights = out / "snapshots" / model.weights.name
    weights.parent.mkdir(parents=True)
    shutil.copyfile(model.weights, weights)
    for name in {*OF_FOLD, model.mean_file.name}:
        shutil.copyfile(model.folder / name, out / name)
    for name in IF_THERE:
        if (model.folder / name).exists():
            shutil.copyfile(model.folder / name, out / name)
    without_paths(fold.model).write(out)
    without_paths(fold.made[0]).write_beside(out / scores_name())
