"""What a call's options stand for, checked before any image is opened."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file
from deeppap.scoring.known_cells import FILE as KNOWN_CELLS
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.nuclei.detectors import open_detector
from deeppap.screening.plan import Settings
from deeppap.screening.slides.slide import PIXEL_SIZES

VIEWS, CROPS = 5, 1  # docs/fields.md has what they cost in AUC against 100 x 10


def settings_of(
    models: Sequence[TrainedModel],
    device: Device,
    detector: str = "threshold",
    weights: Path | None = None,
    views: int | None = None,
    crops: int | None = None,
    grey_as_colour: bool = False,
    confidence: float | None = None,
    training_mpp: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Settings:
    """The settings of a call by nets of one run, whose scores are averaged.

    `say` hears why cells are not compared with the training cells, where they are not.

    Raises
    ------
    UserError
        For a count out of range, a detector that does not exist, weights that are not its own, or a net whose run
        does not state the pixel size it was trained at.
    """
    model = models[0]
    open_detector(detector, weights, confidence)  # so that a mistake is told at once
    views = min(VIEWS, model.profile.test.views) if views is None else views
    crops = CROPS if crops is None else crops
    return Settings(
        folds=tuple(str(one.folder) for one in models),
        model_sha256=digest_of(one.sha256 for one in models),
        device=device,
        views=model.views(views).count,
        crops=model.crops(crops),
        training_mpp=_training_mpp(model, training_mpp),
        detector=detector,
        weights=None if weights is None else str(weights),
        weights_sha256=None if weights is None else sha256_file(weights),
        known_sha256=_known(models, device.engine, say),
        grey_as_colour=grey_as_colour,
        confidence=confidence,
    )


def _known(models: Sequence[TrainedModel], engine: str, say: Callable[[str], None]) -> str | None:
    known = [model.known_cells(engine, say) for model in models]
    return None if None in known else known_sha256(model.folder for model in models)


def known_sha256(folds: Iterable[Path]) -> str:
    """Of the files that hold what nets' training cells look like."""
    return digest_of(sha256_file(fold / KNOWN_CELLS) for fold in folds)


def digest_of(sums: Iterable[str]) -> str:
    """One checksum for those of several files; that of one is its own."""
    found = list(sums)
    return found[0] if len(found) == 1 else digest(*found)


def _training_mpp(model: TrainedModel, given: float | None) -> float:
    found = model.run.dataset.pixel_um if given is None else given
    if found is None:
        do = "Give it with --training-mpp: the images are resampled to it."
        raise UserError(model.folder, "a run that states the pixel size of its training images", "none", do)
    if not PIXEL_SIZES[0] <= found <= PIXEL_SIZES[1]:
        expected = f"{PIXEL_SIZES[0]:g} to {PIXEL_SIZES[1]:g} micrometres a pixel"
        raise UserError("--training-mpp", expected, f"{found:g}", "Give that of the training images.")
    return float(found)


def require_tile(side: int) -> int:
    """A tile's side, refused where it is too small to be worth its surroundings or too large for the memory."""
    if not 256 <= side <= 4096:
        raise UserError("--tile", "256 to 4096 pixels", f"{side}", "Leave it out for 2048.")
    return side
