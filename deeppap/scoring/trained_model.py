"""A trained net with all that belongs to it, opened and checked once and then handed on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path

import numpy as np

from data_prep.cells import Cell
from data_prep.classes import CellClass, outputs_of
from data_prep.fold_data import key_of
from data_prep.mean_image import MEAN, mean_of, read_mean
from data_prep.pixel_size import CellImage, resample, say_other_size
from data_prep.profiles import FILE as PROFILES
from data_prep.profiles import Profile, run_profile
from deeppap.engines.deploy import Deploy, read_deploy
from deeppap.engines.device import Device
from deeppap.engines.engine import Engine, open_engine
from deeppap.io.caffe_messages import prototxt_folder
from deeppap.io.errors import CHECK_PATH, FieldError, UserError
from deeppap.io.files import sha256_file
from deeppap.io.image_file import read_image, say_once, sound
from deeppap.io.machine import default_engine
from deeppap.records import FoldRecord, ModelRecord, Recipe, RunRecord, ScoreRecord, SplitRecord, ThresholdRecord
from deeppap.records.record import inside
from deeppap.records.run_folder import one_net
from deeppap.scoring.cell_views import ViewChoice, as_pairs, of_image, require_inside, scale_to
from deeppap.scoring.ood import LEAST_CELLS, OODReference, find_reference
from deeppap.scoring.score_cells import CellScore, score_cells
from deeppap.scoring.score_files import scores_name
from deeppap.training.snapshots import OWN, kept_because, list_snapshots, require_own, selected_weights


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
        None if Caffe was started by hand, or if other weights were asked for.
    split : SplitRecord
    profile : Profile
        Its counts of views and crops, and the plan of test views.
    deploy : Deploy
        The net, read and checked.
    weights : Path
        The .caffemodel.
    weights_sha : str
        Of its bytes; an engine loads these bytes and no others.
    mean_file : Path
        The mean image; the source's own if an adapted net kept its source's weights.
    mean : ndarray, float32 (3, 256, 256), BGR
        Of the training views (paper: "Convolutional Neural Networks", input).
    own : bool
        Whether the weights are those that the fold selects, not others that were asked for.
    """

    folder: Path
    run: RunRecord
    record: FoldRecord
    origin: ModelRecord | None
    split: SplitRecord
    profile: Profile
    deploy: Deploy
    weights: Path
    weights_sha: str
    mean_file: Path
    mean: np.ndarray = field(repr=False)
    own: bool = True

    @classmethod
    def open(
        cls,
        folder: Path | str,
        weights: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> "TrainedModel":
        """Open a fold's net and refuse what does not belong to it: the mean, the data or the weights of another.

        Parameters
        ----------
        folder : path
            A fold's folder, such as runs/herlev-cell-paper/fold3, or a run or release of one net.
        weights : path, optional
            Another .caffemodel than the selected one.

        Raises
        ------
        UserError
            Naming the file that is missing or does not fit.
        """
        folder = one_net(Path(folder))
        # resolved: data/fold is a link, and the run lies where it leads
        record, home = FoldRecord.read(folder), folder.resolve().parent
        run = RunRecord.read(home)
        split = SplitRecord.read(home)
        _require_one_fold(folder, record, run, split)
        if weights is None:
            path, origin = _selected_weights(folder, record, say)
        else:
            path, origin = _chosen_weights(weights, record), None
        resolved = inside(folder, "deploy.prototxt")  # missing if Caffe was started by hand
        deploy = read_deploy(resolved if resolved.exists() else prototxt_folder(run.classes) / resolved.name)
        recipe = origin.recipe if origin else None
        if recipe is not None and not deploy.is_as_written(recipe.deploy):
            raise _foreign(deploy.path, f"the net of the training, {recipe.deploy[:12]}", "another one")
        sha = sha256_file(path)
        # the mean of another fold shifts every input a little: scores would be wrong and look right
        mean_file, mean_sha = mean_of(folder, path, sha)
        if mean_file.name != MEAN and not (mean_file.is_file() and sha256_file(mean_file) == mean_sha):
            raise _foreign(mean_file, "the mean image of the source that was kept", "none, or another one")
        return cls(
            folder=folder,
            run=run,
            record=record,
            origin=origin,
            split=split,
            profile=run_profile(run),
            deploy=deploy,
            weights=path,
            weights_sha=sha,
            mean_file=mean_file,
            mean=read_mean(mean_file, mean_sha),
            own=weights is None or _is_selected(folder, sha),
        )

    @property
    def outputs(self) -> tuple[CellClass, ...]:
        """What the net's outputs stand for, in their order."""
        return outputs_of(self.run)

    @property
    def doubt(self) -> str | None:
        """Why its test scores give no evidence that it has learned anything; None if they do, or were not made."""
        record = self.test_record
        return record.doubt if record else None

    @property
    def not_adapted(self) -> str | None:
        """Why it scores as the net that it was to be adapted from does; None if it does not."""
        blend = self.origin.blend if self.origin else None
        return kept_because(blend) if blend and not blend.share else None

    @property
    def thresholds(self) -> tuple[ThresholdRecord, ...]:
        """Its thresholds for use, by rising sensitivity; none if it has not scored cells held back from training."""
        record = self.test_record
        return record.thresholds or () if record else ()

    @property
    def test_record(self) -> ScoreRecord | None:
        """The record of its test scores; None if they were not made, or by other weights."""
        scores = self.folder / scores_name()
        if not scores.with_suffix(".json").exists():
            return None
        record = ScoreRecord.beside(scores)
        return record if record.weights_sha == self.weights_sha else None

    def views(self, count: int | None = None) -> ViewChoice:
        """The first `count` of a cell's test views; without one, as many as the run's profile has."""
        wanted = self.profile.test_views if count is None else count
        return ViewChoice(self.profile.test, wanted, self.run.seed, self.run.border)

    def engine(self, device: Device | str | None = None, batch: int | None = None) -> Engine:
        """The net in the engine that a device names; of an engine's name alone, or without any, it is on the CPU.

        Without any it is Caffe where that is built.
        """
        if device is None or isinstance(device, str):
            device = Device(engine=device or default_engine(), without_gpu=True)
        engine = open_engine(self.deploy, self.weights, device, batch, self.weights_sha)
        if engine.classes != len(self.outputs):
            do = "Use the net that the run was trained with."
            raise UserError(self.deploy.path, f"{len(self.outputs)} outputs, as its run has", f"{engine.classes}", do)
        return engine

    def say_unused(self, mpp: float | None) -> None:
        """Tell if the pixel size of an image cannot be used, since the training set states none."""
        if mpp and self.run.dataset.pixel_um is None:
            say_once(f"!! {self.folder} states no pixel size: images are scored as they are, whatever `mpp` says !!")

    def score(
        self,
        image: Path | str | np.ndarray,
        centres: Iterable[Sequence[float]],
        views: int | None = None,
        crops: int | None = None,
        engine: Engine | str | None = None,
        mpp: float | None = None,
    ) -> list[CellScore]:
        """Score cells of one image.

        Parameters
        ----------
        image : path, or ndarray uint8 (H, W, 3), BGR
        centres : pairs of float
            Nucleus centres (x, y) in pixels, 0-based, x the column.
        views, crops : int, optional
            Of each cell and of each view; without them, the run's counts.
        engine : Engine or str, optional
            What this model's `engine()` gave, to use again for many images, or an engine's name.
        mpp : float, optional
            Micrometres a pixel of the image, which is resampled to the training set's (Herlev: 0.201). Needed if the
            training set states them.

        Returns
        -------
        list of CellScore
            In the order of the centres; `.score` is P(abnormal), `.called` what the cell is called by it,
            `.out_of_distribution` whether the score means little.

        Raises
        ------
        UserError
            For an image that is none, a centre outside it, a count or `mpp` out of range, or if `mpp` is needed; for
            an engine of another net.
        """
        source, pixels = _pixels(image)
        size = self.run.dataset.pixel_um
        scale = scale_to(source, size, mpp)
        self.say_unused(mpp)
        if source.is_file():
            say_other_size(source, mpp if size else None)
        seen = CellImage(pixels, resample(pixels, scale))
        choice, pairs = self.views(views), as_pairs(centres)
        cells = [of_image(seen, source, require_inside(source, *xy, pixels.shape[:2]), choice) for xy in pairs]
        if not isinstance(engine, Engine):
            engine = self.engine(engine)
        if engine.model.resolve() != self.weights.resolve():
            raise FieldError(
                "engine", f"one of {self.weights}", f"{engine.model}", "Take that of this model's engine()."
            )
        ready = engine.view_input(self.mean, self.crops(crops))
        return list(score_cells(ready, cells, self.outputs, self.ood_reference()))

    def ood_reference(self, say: Callable[[str], None] = lambda _: None) -> OODReference | None:
        """What tells cells out of distribution; None, and a line why, if there is none for this net."""
        # synthetic cells are few, and only show that the programs run
        least = 0 if self.run.dataset.phantom else LEAST_CELLS
        return find_reference(self.folder, self.weights_sha, say, least)

    def fold_cells(self) -> dict[str, list[Cell]]:
        """The cells of the fold, from the data set that its run was built from, by the part they play.

        "train"; "inner", held back from training to choose the snapshot by, may be empty; "test".

        UserError if the data set is missing or another one now.
        """
        # imported here: only the fold's own cells need the readers of data sets
        from data_prep.dataset import reopened
        from data_prep.fold_data import parts_of

        dataset = reopened(self.run)
        if dataset.dataset_sha() != self.split.dataset_sha:
            found = "another, or a changed one"
            raise _foreign(self.run.dataset.path, "the data set this run was built from", found)
        return parts_of(dataset, self.split, self.record.fold, self.run)

    def crops(self, count: int | None = None) -> int:
        """Crops of a view: `count`, checked, or the run's own number."""
        if count is not None and not (isinstance(count, Integral) and 1 <= count <= 10):
            raise FieldError("crops", "1 to 10", str(count), "Choose one in that range.")
        return self.profile.crops if count is None else count


def _pixels(image: Path | str | np.ndarray) -> tuple[Path, np.ndarray]:
    """The name of an image and its pixels, uint8 (H, W, 3), BGR."""
    if not isinstance(image, str | Path | np.ndarray):
        do = "Of a PIL image give numpy.asarray(image)[..., ::-1]."
        raise FieldError("image", "a path, or uint8 pixels (H, W, 3), BGR", type(image).__name__, do)
    source = Path("<memory>") if isinstance(image, np.ndarray) else Path(image)
    pixels = image if isinstance(image, np.ndarray) else read_image(source)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        found = f"{pixels.dtype} {pixels.shape}"
        raise UserError(source, "uint8 pixels (H, W, 3), BGR", found, "Convert the image.")
    return source, sound(source, pixels)


def _foreign(where: str | Path, expected: str, found: str) -> UserError:
    return UserError(where, expected, found, OWN)


def _require_one_fold(folder: Path, record: FoldRecord, run: RunRecord, split: SplitRecord) -> None:
    """Refuse a fold's folder whose record or mean image belongs to another split, fold, seed or profile."""
    if record.split_sha != split.split_sha:
        raise _foreign(folder / FoldRecord.FILE, "data of this run's split", "another split's")
    if record.fold_sha != key_of(folder, run, split):
        expected, found = "this run's data of this fold", "those of another fold, seed or profile"
        do = f"If the profile {run.profile} was changed in {PROFILES.name}, change it back: a new one has a new name."
        raise UserError(folder / FoldRecord.FILE, expected, found, do)
    if sha256_file(inside(folder, MEAN)) != record.mean_sha:
        raise _foreign(folder / MEAN, "the mean image of this fold's training views", "another one")


def _chosen_weights(weights: Path, record: FoldRecord) -> Path:
    """Weights that the user names; `record` is the fold's."""
    home = weights.resolve().parent.parent
    origin = FoldRecord.read_if_there(home)
    if origin is None or origin.fold_sha != record.fold_sha:
        found = "one of another fold, split or seed" if origin else "one of unknown origin"
        raise _foreign(weights, "a model trained on this fold", found)
    if not weights.is_file():
        raise UserError(weights, "a .caffemodel", "no such file", CHECK_PATH)
    require_own(weights, home, record)
    return weights


def _is_selected(fold: Path, weights_sha: str) -> bool:
    """Whether these are the weights that tools/train.py selected."""
    model = ModelRecord.read_if_there(fold)
    return model is not None and weights_sha == model.weights_sha


def _selected_weights(folder: Path, record: FoldRecord, say: Callable[[str], None]) -> tuple[Path, ModelRecord | None]:
    """The model that tools/train.py selected, and its record; the newest snapshot if Caffe was started by hand."""
    if selected := selected_weights(folder, record):
        return selected
    snapshots = [snapshot.model for snapshot in list_snapshots(folder / "snapshots") if snapshot.model.exists()]
    if not snapshots:
        do = "Run tools/train.py, or caffe train -solver prototxt/solver.prototxt -weights ..."
        # of snapshot_format HDF5, by a caffe train that was started by hand
        found = "HDF5 alone, which does not say what it was trained on" if [*folder.glob("snapshots/*.h5")] else "none"
        raise UserError(folder / "snapshots", "a trained model", found, do)
    require_own(snapshots[0], folder, record)
    unfinished = (folder / Recipe.FILE).exists()
    reason = "the training has not ended" if unfinished else "no model was selected by tools/train.py"
    say(f"{reason}; taking the newest snapshot {snapshots[0].name}")
    return snapshots[0], None
