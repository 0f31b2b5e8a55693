"""What a screening is: its settings, and the plan of each image, checked before any work."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data_prep.classes import PLAIN
from data_prep.views import PATCH
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import digest, sha256_file
from deeppap.records.provenance import code_digest
from deeppap.scoring.ood import FILE as OOD_FILE
from deeppap.scoring.open_nets import of_each
from deeppap.scoring.thresholds import doubt_of_threshold, require_threshold
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cells import ABNORMAL
from deeppap.screening.nuclei.detector import WEIGHTS, NucleusDetector
from deeppap.screening.open_image import OpenImage, image_sha256
from deeppap.screening.parts import write_nuclei
from deeppap.screening.slides.overview import Tissue
from deeppap.screening.slides.slide import Box, require_pixel_size

VIEWS, CROPS = 5, 1  # docs/how-to/screen-fields.md has what they cost in AUC against 100 x 10
TILE = 2048  # pixels a side
TILES = (256, 4096)  # a smaller tile is mostly surroundings, a larger one needs too much memory
# seconds after which a tile is given up, and more of them for each crop of a cell: ten times what a dense tile takes
SECONDS, SECONDS_A_CROP = 3600, 300
# rooms whose code decides what a part holds
ROOMS = ("data_prep", "deeppap/io", "deeppap/engines", "deeppap/scoring", "deeppap/screening")


@dataclass(frozen=True)
class Settings:
    """What the user chose, the same for all images of a call."""

    folds: tuple[str, ...]  # folders of the nets, whose scores are averaged
    weights_sha: str  # of the net's weights; of several nets' a digest
    device: Device  # the engine that scores, and on what
    views: int  # of each cell
    crops: int  # of each view
    training_mpp: float  # micrometres a pixel of the training images; views are cut from pixels of this size
    detector: str  # its weights
    detector_sha: str  # of them
    confidence: float | None = None  # the least of a nucleus; None takes the detector's own
    tile: int = TILE  # pixels a side
    ood_sha: str | None = None  # of the training cells that each cell is compared with; None without comparing
    classes: tuple[tuple[str, str], ...] = ()  # name and label of each output of a net of more than two
    grey_as_colour: bool = False  # score a grey image by a net of colour, its one channel taken three times
    doubts: tuple[str, ...] = ()  # why a net's test scores give no evidence that it has learned anything
    not_adapted: tuple[str, ...] = ()  # why a net kept the weights that it was to be adapted from
    threshold: float = ABNORMAL  # a cell of this score or more is called abnormal
    threshold_said: str = ""  # how the user's threshold was chosen; "" for the paper's
    threshold_doubt: str = ""  # why it should not be trusted

    @property
    def seconds(self) -> int:
        """How long a tile may take; one that takes longer has met a fault, such as a disk that does not answer."""
        return SECONDS + SECONDS_A_CROP * self.views * self.crops * len(self.folds)

    @property
    def key(self) -> str:
        """A digest of everything that changes a cell's row; where the files lie does not."""
        said = ("folds", "detector", "doubts", "not_adapted", "threshold_doubt")
        own = {name: value for name, value in asdict(self).items() if name not in said}
        device = own.pop("device")
        return digest(own, [device[name] for name in ("engine", "precision", "tf32")])


@dataclass(frozen=True)
class ImagePlan:
    """One image to be screened; small, and plain values alone, so that it can be sent to another process."""

    image: str
    image_sha: str
    facts: str  # of its files, see deeppap.screening.open_image
    width: int
    height: int
    mpp: float
    settings: Settings
    parts: str  # the folder of its parts
    origin: tuple[int, int] = (0, 0)  # the pixel that QuPath counts from
    nuclei: str | None = None  # file of a person's nuclei beside the parts; without one they are detected
    nuclei_sha: str | None = None
    nuclei_file: str | None = None  # its name as the person gave it
    has_given: bool = False  # whether a person gave some of them a class
    trained: bool = False  # whether the net learned from the image

    @property
    def name(self) -> str:
        """The image's file name, as in the rows of the tables."""
        return Path(self.image).name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def key(self) -> str:
        """Differs wherever a cell's row could, so that a part of other settings or other code is never taken."""
        # the code counts: a part of an older version must not stand beside new ones
        own = [self.image_sha, self.width, self.height, self.mpp, self.nuclei_sha]
        return digest(code_digest(ROOMS), own, self.settings.key)[:16]

    def part(self, tile: Box) -> Path:
        """Where a tile's cells lie once they are complete."""
        return Path(self.parts) / f"{Path(self.image).stem}_{self.key}_x{tile.x}_y{tile.y}.parquet"

    def tiles(self, tissue: Tissue) -> list[Box]:
        """The tiles with tissue, row by row; all of them if a person set the nuclei."""
        # of coarse pixels, fewer make as much work
        finer = min(1.0, self.settings.training_mpp / self.mpp)
        side = max(TILES[0], round(self.settings.tile * finer))
        return tiles_of(self.width, self.height, side, None if self.nuclei else tissue)


def tiles_of(width: int, height: int, side: int = TILE, tissue: Tissue | None = None) -> list[Box]:
    """Boxes that cut an image without gap or overlap, row by row; only those that hold tissue, if it is given."""
    corners = [(x, y) for y in range(0, height, side) for x in range(0, width, side)]
    boxes = [Box(x, y, min(side, width - x), min(side, height - y)) for x, y in corners]
    return [box for box in boxes if tissue is None or tissue.touches(box)]


def settings_of(
    models: Sequence[TrainedModel],
    device: Device,
    detector: Path | None = None,
    views: int | None = None,
    crops: int | None = None,
    grey_as_colour: bool = False,
    confidence: float | None = None,
    training_mpp: float | None = None,
    tile: int = TILE,
    threshold: str | float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Settings:
    """The settings of a call by nets of one run, whose scores are averaged.

    `threshold` is as in `require_threshold`. `say` gets a line if cells cannot be compared with the training cells.

    Raises UserError for a count out of range, weights that are not the detector's, or a net whose run does not state
    the pixel size it was trained at.
    """
    model = models[0]
    # reports a mistake before any work; a GPU is left to the process that detects
    NucleusDetector(detector, confidence, Device(engine=device.engine, without_gpu=True))
    detector = detector or WEIGHTS
    if not TILES[0] <= tile <= TILES[1]:
        raise FieldError("tile", f"{TILES[0]} to {TILES[1]} pixels", f"{tile}", f"Leave it out for {TILE}.")
    views = min(VIEWS, model.profile.test.views) if views is None else views
    known = [model.ood_reference(say) for model in models]
    limit, said = require_threshold(models, threshold)
    if threshold:
        say(said)
    return Settings(
        folds=tuple(str(one.folder) for one in models),
        weights_sha=one_sha256(one.weights_sha for one in models),
        device=device,
        views=model.views(views).count,
        crops=model.crops(CROPS if crops is None else crops),
        training_mpp=_training_mpp(model, training_mpp),
        detector=str(detector),
        detector_sha=sha256_file(detector),
        confidence=confidence,
        tile=tile,
        ood_sha=None if None in known else ood_sha256(one.folder for one in models),
        classes=() if model.outputs == PLAIN else tuple((one.name, one.label) for one in model.outputs),
        grey_as_colour=grey_as_colour,
        doubts=tuple(dict.fromkeys(one.doubt for one in models if one.doubt)),
        not_adapted=of_each(models, "not_adapted"),
        threshold=limit,
        threshold_said=said if threshold else "",
        threshold_doubt=doubt_of_threshold(models, threshold),
    )


def ood_sha256(folds: Iterable[Path]) -> str:
    """Of the files that hold what nets' training cells look like."""
    return one_sha256(sha256_file(fold / OOD_FILE) for fold in folds)


def one_sha256(sums: Iterable[str]) -> str:
    """One checksum for those of several files; a single one stays as it is."""
    found = list(sums)
    return found[0] if len(found) == 1 else digest(*found)


def _training_mpp(model: TrainedModel, given: float | None) -> float:
    found = model.run.dataset.pixel_um if given is None else given
    if found is None:
        do = "Give it with `training_mpp`: the images are resampled to it."
        raise UserError(model.folder, "a run that states the pixel size of its training images", "none", do)
    require_pixel_size(found, "training_mpp")
    return float(found)


def plan_image(
    path: Path, image: OpenImage, settings: Settings, parts: Path, mpp: float | None = None, nuclei: Path | None = None
) -> ImagePlan:
    """Plan an open image; `parts` is the folder for its parts.

    `mpp`, micrometres a pixel, takes the place of what the file states. `nuclei` is a person's GeoJSON or CSV of
    nuclei, which are then not detected.

    Raises UserError for an image without a pixel size, too small, or grey for a net of colour; and whatever is wrong
    with `nuclei`.
    """
    slide = image.slide
    width, height = slide.levels[0]
    pixel_size = slide.mpp if mpp is None else mpp
    # cells at another size look larger or smaller to the net, and score wrongly without a word
    if pixel_size is None:
        do = "Give it with `mpp`, in micrometres a pixel: a guess would change every score."
        raise UserError(path, "an image that states a microscope's pixel size", slide.stated, do)
    require_pixel_size(pixel_size)
    # smaller than one view: most of what the net would see lies outside
    if min(width, height) * pixel_size < PATCH * settings.training_mpp:
        found = " x ".join(f"{n * pixel_size / settings.training_mpp:.0f}" for n in (width, height))
        expected = f"a field of at least {PATCH} x {PATCH} pixels of {settings.training_mpp:g} um"
        raise UserError(path, expected, f"{found} of them", "Score a picture of a single cell with tools/classify.py.")
    if not slide.colour and not settings.grey_as_colour:
        do = "Its cells can be found but not scored; `grey_as_colour` scores them all the same."
        raise UserError(path, "a colour image for a net of colour", "a grey one", do)
    kept = nuclei_sha = None
    has_given = False
    if nuclei is not None:
        from deeppap.screening.nuclei_file import read_nuclei  # a few of our files that most calls do not need

        found = read_nuclei(nuclei, path.name, slide.levels[0], pixel_size, slide.origin)
        kept = nuclei_path(parts, path)
        write_nuclei(kept, found, slide.levels[0])
        has_given = any(nucleus.given for nucleus in found)
        nuclei_sha = sha256_file(kept)
    return ImagePlan(
        image=str(path),
        image_sha=image_sha256(path, image.facts),
        facts=image.facts,
        width=width,
        height=height,
        mpp=pixel_size,
        settings=settings,
        parts=str(parts),
        origin=slide.origin,
        nuclei=str(kept) if kept else None,
        nuclei_sha=nuclei_sha,
        nuclei_file=nuclei.name if nuclei else None,
        has_given=has_given,
    )


def nuclei_path(parts: Path, image: Path) -> Path:
    """Where the nuclei that a person gave for an image lie."""
    return parts / f"{image.stem}_nuclei.parquet"
