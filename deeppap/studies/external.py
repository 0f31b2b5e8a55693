"""External validation: a labelled set that the net has never seen, scored and written as a run for the report."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from data_prep.cells import Dataset, by_image
from data_prep.dataset import open_dataset
from data_prep.fold_images import source_images
from data_prep.image_hashes import IMAGES, image_hashes, read_images, require_no_shared_image
from data_prep.manifest_values import PIXEL_RANGE
from data_prep.resample import moved, resample
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.image_file import read_image
from deeppap.records.run_folder import RUNS
from deeppap.scoring.average import averaged
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_pixels
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.unlike import say_share
from deeppap.studies.external_run import Validated, free_folder, write_external_run


@dataclass(frozen=True)
class ExternalOptions:
    """What a user may choose; None takes the model's or the set's own value. `mpp` is the side of a pixel in um."""

    views: int | None = None
    crops: int | None = None
    mpp: float | None = None
    device: Device = Device()
    batch: int | None = None
    name: str | None = None


def validate(
    path: Path, models: Sequence[TrainedModel], options: ExternalOptions, say: Callable[[str], None] = print
) -> Path:
    """Score every cell of a set with each fold's net, average the nets, and return the folder that holds it.

    Raises
    ------
    UserError
        Where the set shares an image with the training data, a pixel size is missing or of another kind, or the
        folds do not belong together.
    """
    require_one_training(models)
    dataset = open_dataset(path, allow_partial=True)
    images = image_hashes(dataset)
    for home in {model.folder.resolve().parent: model for model in models}.values():
        require_no_shared_image(training_images(home), images, home.folder.resolve().parent)
    for model in models:  # an adapted net has seen what its source had
        require_no_shared_image(source_images(model.folder), images, model.folder)
    factor = scale(models[0], dataset.pixel_um if options.mpp is None else options.mpp, options.mpp is not None)
    choice, crops = models[0].views(options.views), models[0].crops(options.crops)
    say(f"{path}: {len(dataset.cells)} cells x {choice.count} views x {crops} crops x {len(models)} net(s)")
    if factor is None:
        say("the size of a pixel is not known on both sides: the images are scored as they are")
    how = {"factor": factor, "mpp": options.mpp, "views": choice.count, "crops": crops, "device": options.device}
    found = Validated(dataset, path, dataset.dataset_sha(), models, [], **how)
    free_folder(found, RUNS, options.name)  # told before the work
    each = []
    for number, model in enumerate(models, 1):
        engine = model.engine(options.device, options.batch)
        ready, known = engine.view_input(model.mean, crops), model.known_cells(engine.name, say)
        jobs = score_cells(ready, cells_of(dataset, choice, factor or 1.0), known)
        bar = tqdm(jobs, total=len(dataset.cells), desc=f"net {number} of {len(models)}", unit="cell", disable=None)
        each.append(list(bar))
    scores = sorted(averaged(each), key=lambda score: score.cell.id)
    say_share([score.unlike_training for score in scores], say)
    return write_external_run(replace(found, scores=scores), RUNS, options.name)


def require_one_training(models: Sequence[TrainedModel]) -> None:
    """Refuse nets that are not the folds of one study: of other data, folds, classes, views, choice or beginning."""
    first, own = models[0], _training(models[0])
    for model in models[1:]:
        for what, value in _training(model).items():
            if value != own[what]:
                do = "Give folds of one training alone."
                raise UserError(model.folder, f"{what} {own[what]} as in {first.folder}", f"{value}", do)
    repeated = [name for name, count in Counter(model.weights_sha for model in models).items() if count > 1]
    if repeated:
        raise FieldError("net", "every net once", f"the weights {repeated[0][:12]} twice", "Name each once.")


def _training(model: TrainedModel) -> dict[str, Any]:
    """What the nets of one study have in common."""
    run = model.run
    facts = {name: getattr(run, name) for name in ("classes", "profile", "seed", "protocol", "select", "control")}
    facts |= {"dataset_sha": run.dataset.dataset_sha, "pixel_um": run.dataset.pixel_um}
    source, recipe = (model.origin.source, model.origin.recipe) if model.origin else (None, None)
    start = f"{source.run}, fold {source.fold}, {source.weights_sha[:12]}" if source else "no net"
    facts |= {"split_sha": model.split.split_sha, "adapted from": start}
    return facts | {"solver, counts and weights": recipe.recipe_sha[:12] if recipe else "not recorded"}


def training_images(model: TrainedModel) -> set[str]:
    """Checksums of the images of a model's whole data set, as its run recorded them."""
    path = model.folder.resolve().parent / IMAGES
    if not path.exists():
        do = "Build a fold of this run again with tools/build_lmdb.py."
        raise UserError(path, "the training images' checksums", "no such file", do)
    return read_images(path)


def scale(model: TrainedModel, mpp: float | None, asked: bool) -> float | None:
    """By how much the set's images are enlarged to the training set's pixel size; None where nobody knows both."""
    if mpp is not None and not PIXEL_RANGE[0] <= mpp <= PIXEL_RANGE[1]:
        raise FieldError("mpp", f"{PIXEL_RANGE[0]} to {PIXEL_RANGE[1]} micrometres", f"{mpp:g}", "Give a pixel's side.")
    trained = model.run.dataset.pixel_um
    if asked and trained is None:
        where = model.folder.resolve().parent / "run.json"
        raise UserError(where, "the training set's pixel_um, to resample to", "none", "Leave `mpp` out.")
    return None if mpp is None or trained is None else mpp / trained


def cells_of(dataset: Dataset, choice: ViewChoice, factor: float) -> Iterator[CellViews]:
    """The set's cells, image after image, each image read and resampled once."""

    @lru_cache(maxsize=1)
    def read(path: Path) -> tuple[tuple[int, ...], np.ndarray]:
        image = read_image(path)
        return image.shape, resample(image, factor)

    for cell in by_image(dataset.cells):
        shape, image = read(cell.image)
        yield replace(of_pixels(image, moved(cell.centre, shape, image.shape), choice, cell.image), cell=cell)
