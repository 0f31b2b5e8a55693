"""A trained ConvNet-T as the source of another: whose it is, what it was trained on, and whether it can be one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.cells import Cell
from data_prep.fold_data import read_record
from data_prep.fold_images import image_rows, require_held_out, require_unseen, seen_images
from data_prep.image_hashes import IMAGES, pixel_sha256, read_images
from data_prep.resample import same_pixel
from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.io.image_file import read_image
from deeppap.records.request import Request
from deeppap.records.run_folder import RunConfig, fold_folder, read_run
from deeppap.training.origin import foreign
from deeppap.training.recipe import recorded
from deeppap.training.select_model import read_model

SUFFIX = ".caffemodel"
DO = "Give a fold's folder that tools/train.py has trained, such as runs/herlev-cell-paper/fold0."


@dataclass(frozen=True)
class SourceNet:
    """A net of which all eight layers are copied.

    Attributes
    ----------
    fold : Path
        The fold's folder that it was trained in.
    weights : Path
        Its .caffemodel.
    config : RunConfig
        Of its run.
    origin : dict
        What is written down of it: run, fold, data set, the sha256 of its weights and of its data, and `trained`, what
        it was itself trained with, so that the chain goes back to CaffeNet.
    seen : frozenset of str
        Checksums of the images it has learned from, those of its own source included.
    """

    fold: Path
    weights: Path
    config: RunConfig
    origin: dict[str, Any]
    seen: frozenset[str]

    @property
    def name(self) -> str:
        """Run and fold in one word, as a part of a folder's name."""
        return f"{self.origin['run']}-fold{self.origin['fold']}"


def open_source(given: Path | str) -> SourceNet:
    """Find a trained fold by its folder, or by a .caffemodel among its snapshots.

    Raises
    ------
    UserError
        For what is no trained fold, a net of seven classes, or weights that are not that fold's.
    """
    given = Path(given)
    fold = given.resolve().parent.parent if given.suffix == SUFFIX else given
    if not given.exists() or not (fold / "fold.json").is_file():
        kind = "a file whose origin nobody recorded" if given.is_file() else "no such fold"
        raise UserError(given, "a trained fold, or a .caffemodel in its snapshots/", kind, DO)
    run, config = read_run(fold.resolve().parent)
    if config.classes != 2:
        raise UserError(given, "a net of two classes", f"one of {config.classes}", "Adapt a net of two classes.")
    record, model = read_record(fold), _selected(fold)
    weights, sha256 = _weights(given, fold, record, model)
    origin = {
        "run": fold.resolve().parent.name,
        "fold": record["fold"],
        "dataset": {"name": config.dataset, "cells": config.cells, "fingerprint": config.fingerprint},
        "data": record["fingerprint"],
        "sha256": sha256,
        "control": config.control,
        "trained": recorded(fold) or {"weights": run.get("weights", {})},  # an older run has its weights alone
    }
    return SourceNet(fold, weights, config, origin, frozenset(seen_images(fold)))


def _selected(fold: Path) -> dict[str, Any]:
    return read_model(fold) if (fold / "model.json").exists() else {}


def _weights(given: Path, fold: Path, record: dict[str, Any], model: dict[str, Any]) -> tuple[Path, str]:
    """The weights that were given, or that the fold selects, with their checksum; refused where not the fold's own."""
    if given.suffix != SUFFIX and not model:
        raise UserError(given, "a fold with a selected model", "no model.json", f"Run tools/train.py on it first. {DO}")
    path = given if given.suffix == SUFFIX else fold / model["snapshot"]
    if not path.is_file():
        raise UserError(path, "the model that the fold selected", "no such file", DO)
    sha256 = sha256_file(path)
    selected = bool(model) and sha256 == model["sha256"]
    if given.suffix != SUFFIX and not selected:
        raise UserError(path, f"weights of sha256 {model['sha256'][:12]}", "changed ones", "Train that fold again.")
    if selected and model.get("data") not in (None, record["fingerprint"]):
        raise UserError(fold / "model.json", "a model trained on its fold", "one of another fold, split or seed", DO)
    if not selected and (found := foreign(path, fold)) is not None:
        raise UserError(path, "a snapshot trained on its fold", found, DO)
    return path, sha256


def require_two_classes(config: Request) -> None:
    """Refuse to adapt a net to a run of seven classes: the source has an output for each of two."""
    if config.classes != 2:
        raise UserError("--from", "a run of two classes", f"one of {config.classes}", "Use --classes 2.")


def require_unseen_folds(source: SourceNet, run: Path, folds: Mapping[int, dict[str, list[Cell]]]) -> None:
    """Refuse, before a fold is built, a source that has learned from a test or inner cell; `folds` has their parts."""
    if not source.seen & read_images(run / IMAGES):
        return
    images = {cell.image for parts in folds.values() for cells in parts.values() for cell in cells}
    known = {path: pixel_sha256(read_image(path)) for path in images}
    for fold, parts in folds.items():
        require_held_out(image_rows(parts, known), fold_folder(run, fold), set(source.seen), source.fold)


def check_source(source: SourceNet, fold: Path, config: RunConfig, shapes: Shapes, say: Callable[[str], None]) -> None:
    """Require, before Caffe starts, that a source fits a fold's net and has not seen the cells that judge it."""
    check_weights(source.weights, shapes, "Train the source again, or adapt another net.")
    require_unseen(fold, set(source.seen), source.fold)
    if source.config.control:
        say(f"!! the source is a control ({source.config.control}): wrong on purpose !!")
    sizes = (source.config.pixel_um, config.pixel_um)
    if None not in sizes and not same_pixel(*sizes):
        say(f"note: the source was trained at {sizes[0]:g} um a pixel, these images have {sizes[1]:g}: rescale them")
