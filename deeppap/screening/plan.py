"""The plan of one image: everything that decides what its cells' rows will be, with a key that names it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from deeppap.engines.device import Device
from deeppap.io.files import digest
from deeppap.records.code_digest import code_digest
from deeppap.screening.slides.slide import Box

ROOMS = (
    "data_prep",
    "deeppap/io",
    "deeppap/engines",
    "deeppap/scoring",
    "deeppap/screening",
)  # whose code decides what a part holds


@dataclass(frozen=True)
class Settings:
    """What the user chose and what it stands for; the same for all images of a call.

    Attributes
    ----------
    folds : tuple of str
        The trained folds' folders; the scores of several nets are averaged.
    model_sha256 : str
        Of its weights; of several nets' a digest.
    device : Device
        What scores, and on what.
    views, crops : int
        Of each cell, and of each view.
    training_mpp : float
        Micrometres a pixel that the net was trained at; views are cut from pixels of this size.
    detector : str
        Its name; `weights` and `weights_sha256` of those it needs; `confidence` that a nucleus must have, None the
        detector's own.
    tile : int
        Pixels a side that a tile owns.
    known_sha256 : str or None
        Of what the net's training cells look like (of several nets' a digest), with which each cell is compared; None
        where none is.
    grey_as_colour : bool
        Whether a grey image is scored by a net of colour, its one channel taken three times.
    """

    folds: tuple[str, ...]
    model_sha256: str
    device: Device
    views: int
    crops: int
    training_mpp: float
    detector: str
    weights: str | None = None
    weights_sha256: str | None = None
    confidence: float | None = None
    tile: int = 2048
    known_sha256: str | None = None
    grey_as_colour: bool = False

    def facts(self) -> dict:
        """Those that change a cell's row: not where the files lie."""
        own = {name: value for name, value in asdict(self).items() if name not in ("folds", "weights", "device")}
        return own | {name: getattr(self.device, name) for name in ("engine", "precision", "tf32")}


@dataclass(frozen=True)
class Plan:
    """One image to be screened; small, and plain values alone, so that it can be sent to another process.

    `origin` is the pixel that QuPath counts from. `nuclei` is the folder of a person's nuclei
    (`deeppap.screening.given_nuclei`) where they are not to be detected, with `nuclei_sha256`; `nuclei_file` is what the person
    calls them.
    """

    image: str
    image_sha256: str
    width: int
    height: int
    mpp: float
    settings: Settings
    parts: str
    origin: tuple[int, int] = (0, 0)
    nuclei: str | None = None
    nuclei_sha256: str | None = None
    nuclei_file: str | None = None

    @property
    def name(self) -> str:
        """The image's file name: how a row of the tables calls it."""
        return Path(self.image).name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def key(self) -> str:
        """A name that differs wherever a cell's row could: a part that other code made is not taken for this one's."""
        own = [self.image_sha256, self.width, self.height, self.mpp, self.nuclei_sha256]
        return digest(code_digest(ROOMS), own, self.settings.facts())[:16]

    def part(self, tile: Box) -> Path:
        """Where a tile's cells lie once they are complete."""
        return Path(self.parts) / f"{Path(self.image).stem}_{self.key}_x{tile.x}_y{tile.y}.parquet"
