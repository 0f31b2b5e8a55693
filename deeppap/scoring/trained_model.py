"""A trained net with all that belongs to it, opened and checked once and then handed on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path

import numpy as np

from data_prep.mean_image import read_mean
from data_prep.prepare import key_of
from data_prep.profiles import Profile, run_profile
from deeppap.engines.device import Device
from deeppap.engines.engine import Engine, open_engine
from deeppap.io.caffe_messages import prototxt_folder
from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.io.image_file import read_image
from deeppap.records import FoldRecord, ModelRecord, RunRecord, ScoreRecord, SplitRecord
from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.cell_views import ViewChoice, of_pixels
from deeppap.scoring.find_weights import chosen_weights, is_selected, selected_weights
from deeppap.scoring.known_cells import KnownCells, find_known_cells
from deeppap.scoring.own_cells import as_pairs, require_inside
from deeppap.scoring.refusal import Refusal
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.score_files import scores_name

MEAN = "mean.binaryproto"


@dataclass(frozen=True)
class TrainedModel:
    """A fold's net, ready to score.

    Attributes
    ----------
    folder : Path
        The fold's folder.
    run : RunRecord
    record : FoldRecord
    origin : ModelRecord or None
        None where Caffe was started by hand, or other weights were asked for.
    split : SplitRecord
    profile : Profile
        Its counts of views and crops, and the plan of test views.
    deploy, weights : Path
        Prototxt and .caffemodel.
    weights_sha : str
        Of the weights.
    mean : ndarray, float32 (3, 256, 256), BGR
        Of the training views (paper: "Convolutional Neural Networks", input).
    own : bool
        Whether the weights are those that the fold selects, not others that were asked for.
    forced : bool
        Whether `force` had to override anything.
    """

    folder: Path
    run: RunRecord
    record: FoldRecord
    origin: ModelRecord | None
    split: SplitRecord
    profile: Profile
    deploy: Path
    weights: Path
    weights_sha: str
    mean: np.ndarray = field(repr=False)
    own: bool = True
    forced: bool = False

    @classmethod
    def open(
        cls,
        folder: Path | str,
        weights: Path | None = None,
        force: bool = False,
        say: Callable[[str], None] = print,
    ) -> "TrainedModel":
        """Open a fold's net and refuse what does not belong to it: the mean, the data or the weights of another.

        Parameters
        ----------
        folder : path
            A fold's folder, such as runs/herlev-cell-paper/fold3.
        weights : path, optional
            Another .caffemodel than the selected one.
        force : bool
            Say what does not belong together and go on.

        Raises
        ------
        UserError
            Naming the file that is missing or does not fit.
        """
        folder = Path(folder)
        record, home = FoldRecord.read(folder), folder.resolve().parent
        run = RunRecord.read(home)
        split = SplitRecord.read(home)
        refuse = Refusal(force, say)
        _require_one_fold(folder, record, run, split, refuse)
        if weights is None:
            path, origin = selected_weights(folder, record, refuse, say)
        else:
            path, origin = chosen_weights(weights, record, refuse), None
        resolved = folder / "deploy.prototxt"  # there is none where the fold was trained by hand
        deploy = resolved if resolved.exists() else prototxt_folder(run.classes) / "deploy.prototxt"
        profile, sha256, mean = run_profile(run), sha256_file(path), read_mean(folder / MEAN)
        own = weights is None or is_selected(folder, sha256)
        return cls(folder, run, record, origin, split, profile, deploy, path, sha256, mean, own, refuse.overridden)

    @property
    def classes(self) -> int:
        """Outputs of the net: 2 or 7."""
        return self.run.classes

    @property
    def doubt(self) -> str | None:
        """Why its test scores give no evidence that it has learned anything; None if they do, or were not made."""
        scores = self.folder / scores_name()
        if not scores.with_suffix(".json").exists():
            return None
        record = ScoreRecord.beside(scores)
        return record.doubt if record.weights_sha == self.weights_sha else None

    def views(self, count: int | None = None) -> ViewChoice:
        """The first `count` of a cell's test views; without one, as many as the run's profile has."""
        wanted = self.profile.test_views if count is None else count
        return ViewChoice(self.profile.test, wanted, self.run.seed)

    def engine(self, device: Device | None = None, batch: int | None = None) -> Engine:
        """The net in the engine that a device names; Caffe on the CPU without one."""
        return open_engine(self.deploy, self.weights, device or Device(), batch)

    def score(
        self,
        image: Path | str | np.ndarray,
        centres: Iterable[Sequence[float]],
        views: int | None = None,
        crops: int | None = None,
        engine: Engine | None = None,
    ) -> list[CellScore]:
        """Score cells of one image.

        Parameters
        ----------
        image : path, or ndarray uint8 (H, W, 3), BGR
            Its pixels of the training set's size (Herlev: 0.201 um).
        centres : pairs of float
            Nucleus centres (x, y) in pixels, 0-based, x the column.
        views, crops : int, optional
            Of each cell and of each view; without them, the run's counts.
        engine : Engine, optional
            What `engine()` gave, to use again for many images.

        Returns
        -------
        list of CellScore
            In the order of the centres; `.score` is P(abnormal), `.unlike_training` whether it means little.

        Raises
        ------
        UserError
            For an image that is none, a centre outside it, or a count out of range.
        """
        source, pixels = _pixels(image)
        choice, pairs = self.views(views), as_pairs(centres)
        cells = [of_pixels(pixels, require_inside(source, *xy, pixels.shape[:2]), choice, source) for xy in pairs]
        engine = engine or self.engine()
        return list(score_cells(engine.view_input(self.mean, self.crops(crops)), cells, self.known_cells(engine.name)))

    def known_cells(self, engine: str, say: Callable[[str], None] = lambda _: None) -> KnownCells | None:
        """The training cells to compare new ones with; None, and a line why, before tools/evaluate.py has run."""
        return find_known_cells(self.folder, self.weights_sha, engine, say)

    def crops(self, count: int | None = None) -> int:
        """Crops of a view: `count`, checked, or the run's own number."""
        if count is not None and not (isinstance(count, Integral) and 1 <= count <= 10):
            raise UserError("--crops", "1 to 10", str(count), "Choose one in that range.")
        return self.profile.crops if count is None else count


def _pixels(image: Path | str | np.ndarray) -> tuple[Path, np.ndarray]:
    """The name of an image and its pixels, uint8 (H, W, 3), BGR."""
    if not isinstance(image, str | Path | np.ndarray):
        do = "Of a PIL image give numpy.asarray(image)[..., ::-1]."
        raise UserError("image", "a path, or uint8 pixels (H, W, 3), BGR", type(image).__name__, do)
    source = Path("<memory>") if isinstance(image, np.ndarray) else Path(image)
    pixels = image if isinstance(image, np.ndarray) else read_image(source)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        found = f"{pixels.dtype} {pixels.shape}"
        raise UserError(source, "uint8 pixels (H, W, 3), BGR", found, "Convert the image.")
    return source, pixels


def _require_one_fold(folder: Path, record: FoldRecord, run: RunRecord, split: SplitRecord, refuse: Refusal) -> None:
    """Refuse a fold's folder whose record or mean image belongs to another split, fold, seed or profile."""
    if record.split_sha != split.split_sha:
        refuse(folder / "fold.json", "data of this run's split", "another split's")
    if record.fold_sha != key_of(folder, run, split):
        refuse(folder / "fold.json", "this run's data of this fold", "those of another fold, seed or profile")
    read_mean(folder / MEAN)  # one that is no mean image at all gets its own line
    if sha256_file(folder / MEAN) != record.mean_sha:
        refuse(folder / MEAN, "the mean image of this fold's training views", "another one")
