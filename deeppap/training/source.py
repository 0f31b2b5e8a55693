"""What a training starts from: CaffeNet's weights, a trained ConvNet-T to adapt, or nothing."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from data_prep.cells import Cell
from data_prep.classes import outputs_of
from data_prep.image_hashes import (
    IMAGES,
    fold_images,
    image_rows,
    known_images,
    read_images,
    require_held_out,
    seen_sha256,
    some_names,
    unfit_images,
)
from data_prep.pixel_size import same_pixel
from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.caffe_messages import ROOT, read_prototxt
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import sha256_file
from deeppap.io.pinned import MODEL, REFERENCE, facts
from deeppap.records import FoldRecord, Request, RunRecord, SourceDataset, SourceRecord
from deeppap.records.run_folder import fold_folder, one_net
from deeppap.training.resolve import recorded
from deeppap.training.snapshots import require_own, selected_weights

PLACES = (Path(REFERENCE), MODEL / REFERENCE)
GET_WEIGHTS = f"Get {REFERENCE} with tools/download_weights.py, or give another with `weights`."
SUFFIX = ".caffemodel"
GIVE_FOLD = "Give a fold's folder that tools/train.py has trained, such as runs/herlev-cell-paper/fold0."


def require_weights(given: str | None) -> Path:
    """What was given, else the environment's WEIGHTS, else where download_weights puts them.

    UserError if there are none: a training never starts from scratch by accident.
    """
    given = given or os.environ.get("WEIGHTS") or next((path for path in PLACES if path.exists()), None)
    if given is None:
        raise UserError(REFERENCE, "the source net's weights", "none", f"{GET_WEIGHTS} Or use `from_scratch`.")
    return Path(given)


def check_source_weights(path: Path, shapes: Shapes) -> None:
    """Require conv1 to conv5 whole in `path`, and none of the new layers (paper: "Transfer learning").

    `shapes` are those of the net's parameters.
    """
    sha1 = facts()["sha1"]
    # a file of that name and other bytes is a cut download, or weights that would be reported as CaffeNet's
    if path.name == REFERENCE and path.is_file() and (found := sha256_file(path, "sha1")) != sha1:
        raise UserError(path, f"sha1 {sha1}", found, f"{GET_WEIGHTS} A file of other weights needs another name.")
    # Caffe copies weights by the names of the layers, whatever the learning rates
    source = read_prototxt(ROOT / "prototxt/caffenet/deploy.prototxt", "NetParameter")
    transferred = shapes.keys() & {layer.name for layer in source.layer}
    net = check_weights(path, {name: blobs for name, blobs in shapes.items() if name in transferred}, GET_WEIGHTS).net
    names = {layer.name for layer in [*net.layers, *net.layer] if layer.blobs}
    # a file that holds the new layers too is a snapshot: `-weights` would copy them without a word
    new = sorted((shapes.keys() - transferred) & names)
    if new:
        found = f"a snapshot of ConvNet-T itself, with {', '.join(new)}"
        raise UserError(path, "the source net's weights", found, "To go on with a run, run tools/train.py without it.")


@dataclass(frozen=True)
class SourceNet:
    """A trained net of which all eight layers are copied."""

    fold: Path
    weights: Path
    run: RunRecord
    origin: SourceRecord  # what an adapted net remembers of it
    seen: frozenset[str]  # checksums of the images it has learned from, those of its own source included

    @property
    def name(self) -> str:
        """Run and fold in one word, as a part of a folder's name."""
        return f"{self.origin.run}-fold{self.origin.fold}"


def open_source(given: Path | str) -> SourceNet:
    """Find a trained fold by its folder, by that of its run or release, or by a .caffemodel among its snapshots.

    Raises UserError for what is no trained fold, or weights that are not that fold's.
    """
    given = Path(given)
    given = one_net(given) if given.is_dir() else given
    fold = given.resolve().parent.parent if given.suffix == SUFFIX else given
    if not given.exists() or not (fold / FoldRecord.FILE).is_file():
        kind = "a file whose origin nobody recorded" if given.is_file() else "no such fold"
        raise UserError(given, "a trained fold, or a .caffemodel in its snapshots/", kind, GIVE_FOLD)
    home = fold.resolve().parent
    run, record = RunRecord.read(home), FoldRecord.read(fold)
    if given.suffix == SUFFIX:
        weights, weights_sha = given, require_own(given, fold, record)
    elif selected := selected_weights(fold, record):
        weights, weights_sha = selected[0], selected[1].weights_sha
    else:
        do = f"Run tools/train.py on it first. {GIVE_FOLD}"
        raise UserError(given, "a fold with a selected model", "no model.json", do)
    data = run.dataset
    origin = SourceRecord(
        run=home.name,
        fold=record.fold,
        dataset=SourceDataset(name=data.name, cells=data.cells, dataset_sha=data.dataset_sha),
        fold_sha=record.fold_sha,
        weights_sha=weights_sha,
        control=run.control,
        recipe=recorded(fold),
    )
    return SourceNet(fold, weights, run, origin, frozenset(unfit_images(fold, run)))


def require_same_outputs(source: SourceNet, run: RunRecord) -> None:
    """Refuse a source whose outputs stand for other classes than the run's: all eight layers are copied."""
    ours, theirs = outputs_of(run), outputs_of(source.run)
    if ours != theirs:
        ours, theirs = (", ".join(f"{one.name} ({one.label})" for one in outputs) for outputs in (ours, theirs))
        do = (
            "Leave `classes` out to take the net's. If the cells have other classes, rename them or leave them out "
            "with tools/import_labels.py, or train without this net."
        )
        raise FieldError("source", f"a net of the classes {ours}", f"one of {theirs}", do)


def require_unseen_folds(source: SourceNet, run: Path, folds: Mapping[int, dict[str, list[Cell]]]) -> str:
    """Refuse, before a fold is built, a source that has learned from a test or inner cell; `folds` has their parts.

    Returns a line about images that it has learned from and that are training images here; "" if there are none.
    """
    # by the pixels: the same image may have another name, format or folder there
    seen = known_images(run, source.seen)
    if not seen:
        return ""
    images = {cell.image: cell for parts in folds.values() for cells in parts.values() for cell in cells}
    known = {path: seen_sha256(cell) for path, cell in images.items()}
    for fold, parts in folds.items():
        require_held_out(image_rows(parts, known), fold_folder(run, fold), source.seen, source.fold)
    number = f"{len(seen)} of the {len(read_images(run / IMAGES))} images of this set"
    names = some_names(sorted(seen.values()))
    return f"!! {source.fold} has learned from {number} already: {names}. None of them tests it here !!"


def check_source(source: SourceNet, fold: Path, run: RunRecord, shapes: Shapes, say: Callable[[str], None]) -> None:
    """Require, before Caffe starts, that a source fits a fold's net and has not seen the cells that judge it."""
    do = "Train the source again, or adapt another net."
    check_weights(source.weights, shapes, do, source.origin.weights_sha)
    require_held_out(fold_images(fold), fold, source.seen, source.fold)
    if source.run.control:
        say(f"!! the source is a control ({source.run.control}): wrong on purpose !!")
    require_same_pixels(source, run.dataset.pixel_um)
    if source.run.border != run.border:
        say(f"!! {source.fold} was trained with border {source.run.border}, and is adapted with {run.border} !!")
    if source.run.dataset.pixel_um is None and run.dataset.pixel_um is not None:
        found = f"these cells have {run.dataset.pixel_um:g} um, and nobody knows whether its own had"
        say(f"!! {source.fold} states no pixel size: {found} !!")


def fitted_to(source: SourceNet, request: Request) -> Request:
    """A request with the pixel size, border and classes of the net that is adapted, unless it names its own."""
    run = source.run
    request = replace(request, border=request.border or run.border, classes=request.classes or run.classes)
    if request.pixel_um is not None:
        require_same_pixels(source, request.pixel_um)
        return request
    return replace(request, pixel_um=run.dataset.pixel_um)


def require_same_pixels(source: SourceNet, ours: float | None) -> None:
    """Refuse cells of another pixel size than the net has learned, which would look larger or smaller to it."""
    theirs = source.run.dataset.pixel_um
    if theirs is not None and (ours is None or not same_pixel(theirs, ours)):
        found = "none stated" if ours is None else f"{ours:g} um"
        do = f"Build the folds with `pixel_um` {theirs:g}."
        raise FieldError("source", f"cells at the {theirs:g} um a pixel that it was trained at", found, do)
