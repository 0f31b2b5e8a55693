"""What a user asks of a run, and the records: what a run, its folds, their nets and their scores remember."""

import platform
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import msgspec

from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file
from deeppap.io.machine import usable_cores
from deeppap.records.record import Count, Inside, Record, Sha, Some, inside, read_record, write_record

PROTOCOLS = ("cell", "field")
SELECTIONS = ("paper", "last", "inner")
CONTROLS = ("shuffle",)
ENCODINGS = ("raw", "png")
BORDERS = ("constant", "reflect")
CLASSES = (2, 7, "own")
BY_PROTOCOL = {"field": "inner"}  # the default of select; for other protocols it is the paper's
CAVEAT = "the snapshot was chosen by its loss on the reported fold (select paper): no independent test of new fields"
SENSITIVITIES = {"sens95": 0.95, "sens99": 0.99}  # that a threshold for use is chosen for, as a user asks for them
CLASSIFY_VIEWS = 100  # views of a cell in tools/classify.py by default
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a run, as they were asked for."""

    profile: str = "paper"  # a table in profiles.toml: numbers of views, epochs and images
    # the paper's folds, or all cells of a field in one fold; "external" for a set that the net was not trained on
    protocol: str = "cell"
    select: Literal["paper", "last", "inner"] | None = None  # which snapshot is scored; None: the protocol's default
    # outputs of the net: normal and abnormal, Herlev's seven (paper: Table 1), or one for each class of the data
    classes: Literal[2, 7, "own"] = 2
    control: Literal["shuffle"] | None = None  # training labels are shuffled, so that the net must learn nothing
    encoding: Literal["raw", "png"] = "raw"  # of views in an LMDB
    border: Literal["constant", "reflect"] = "constant"  # of views, outside the image; constant is zeros
    seed: int = 1  # of the split, the views and Caffe
    allow_partial: bool = False  # whether a Herlev folder may lack cells
    # what scores the cells; training is always Caffe's, in float32
    engine: str = "caffe"
    precision: str = "float32"

    def __post_init__(self):
        if self.select is None:
            msgspec.structs.force_setattr(self, "select", BY_PROTOCOL.get(self.protocol, "paper"))

    @property
    def selection_caveat(self) -> str:
        """What must be said of the choice of snapshots; "" if it is as in the paper."""
        return CAVEAT if (self.protocol, self.select) == ("field", "paper") else ""


class Request(Options, frozen=True, kw_only=True):
    """A run's options and its data: paths of sets, or None for the default one.

    `pixel_um` is the side of a pixel in micrometres at which the net sees the cells; None is the first set's own.
    A `border` or `classes` of None is that of the net that is adapted, if any, else constant, and 2.
    """

    border: Literal["constant", "reflect"] | None = None
    classes: Literal[2, 7, "own"] | None = None
    data: tuple[str, ...] | None = None
    pixel_um: float | None = None


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a record."""


class Machine(Facts, frozen=True, kw_only=True):
    """The computer that made something."""

    processor: str
    cores: int
    system: str

    @classmethod
    def here(cls) -> Self:
        """The one that runs this."""
        path = Path("/proc/cpuinfo")
        lines = path.read_text().splitlines() if path.exists() else []
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        processor = models[0] if models else platform.machine()
        return cls(processor=processor, cores=usable_cores(), system=platform.platform())


class SetRecord(Facts, frozen=True, kw_only=True):
    """One of the sets that a data set is made of."""

    name: str  # the prefix of its cells' ids and groups
    path: str
    cells: Count
    labels: tuple[Count, ...]  # as those of DatasetRecord


class DatasetRecord(Facts, frozen=True, kw_only=True):
    """What a run needs to know of its data set, also without the set itself (see data_prep.cells.Dataset)."""

    name: str
    path: str  # where the set was when the run was built; updated if it moves
    dataset_sha: Sha  # over every cell's facts and image bytes
    cells: Count
    view_plan: Literal["unbalanced", "balanced"]  # a table's key in profiles.toml
    pixel_um: Positive | None  # side of a pixel in micrometres, as the net sees the cells
    paper: str | None  # key in report/paper.json, if the paper has figures of this very set
    phantom: bool  # whether the cells are synthetic
    # normal and abnormal cells, and if the net tells them apart those that are neither
    labels: Annotated[tuple[Count, ...], msgspec.Meta(min_length=2, max_length=3)]
    resampled_um: tuple[Positive, ...] = ()  # pixel sizes of the images that are resampled to pixel_um
    sets: tuple[SetRecord, ...] = ()  # if it is made of several

    @property
    def paths(self) -> tuple[str, ...]:
        """Where its set lies, or where its sets lie."""
        return tuple(one.path for one in self.sets) or (self.path,)

    @property
    def images_um(self) -> float | None:
        """The pixel size of its images before they are resampled; None where there are several, or none is stated."""
        sizes = self.resampled_um or (self.pixel_um,)
        return sizes[0] if len(sizes) == 1 else None


class WeightsRecord(Facts, frozen=True, kw_only=True):
    """A .caffemodel that a training started from."""

    path: str
    name: str
    weights_sha: Sha


class SourceDataset(Facts, frozen=True, kw_only=True):
    """The data set that a source net was trained on."""

    name: str
    cells: Count
    dataset_sha: Sha


class SourceRecord(Facts, frozen=True, kw_only=True):
    """A trained net that another one was adapted from; `recipe.source` is the net before it."""

    run: str
    fold: Count
    dataset: SourceDataset
    fold_sha: Sha
    weights_sha: Sha
    control: str | None
    recipe: "Recipe | None"  # None if Caffe was started by hand

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets that this net and those before it were trained on, the nearest first."""
        before = self.recipe.source if self.recipe else None
        return [self.dataset.name, *(before.datasets if before else [])]


class Recipe(Record, frozen=True, kw_only=True):
    """What a fold is trained with: training.json while the training goes on, then a part of model.json."""

    FILE: ClassVar[str] = "training.json"
    MADE_BY: ClassVar[str] = "tools/train.py"

    # digests of the hand-written prototxt files as Caffe reads them, so that a comment changes nothing
    solver: Sha
    train_val: Sha
    deploy: Sha
    # the profile's numbers; 0 takes the prototxt's
    batch_size: Count
    epochs: Count | None = None
    iterations: Count | None = None  # of nets that were adapted when the length did not follow the views
    weights: WeightsRecord | None  # None is Gaussian values in every layer (paper: "Transfer learning")
    source: SourceRecord | None = None  # the net of `weights`, if it is a trained ConvNet-T
    recipe_sha: Sha  # over all of these except paths; all folds of a run have the same

    @property
    def weights_sha(self) -> str | None:
        """Of the weights that it starts from; None for Gaussian values."""
        return self.weights.weights_sha if self.weights else None


class OutputRecord(Facts, frozen=True, kw_only=True):
    """What an output of a net of own classes stands for."""

    name: str
    label: Literal["normal", "abnormal", "neither"]


class NetRecord(Facts, frozen=True, kw_only=True):
    """One of the nets that scored an external set."""

    folder: str  # its fold's
    weights_sha: Sha
    fold_sha: Sha
    share: Share | None = None  # of adapted weights in an adapted net whose inner cells chose it


class ExternalRecord(Facts, frozen=True, kw_only=True):
    """How a set was scored that the nets were not trained on."""

    trained_on: str  # name of the nets' data set
    source: SourceRecord | None  # what they were adapted from
    nets: list[NetRecord]  # their scores are averaged
    training_um: Positive | None  # side of a pixel of the training set in micrometres
    out_of_distribution: Count | None  # cells; None if there is no reference to tell
    left_out: tuple[str, ...] = ()  # names of the images that the nets had learned from


class RunRecord(Options, Record, frozen=True, kw_only=True):
    """A run: what was asked for, of which data set, and who made it when; run.json."""

    FILE: ClassVar[str] = "run.json"
    MADE_BY: ClassVar[str] = "tools/build_lmdb.py"

    command: list[str]
    dataset: DatasetRecord
    outputs: list[OutputRecord] | None = None  # of a net of own classes, in their order
    # of the profile, when the run was made: how much training views vary
    stain_jitter: float = 0.0
    scale_jitter: float = 0.0
    tf32: bool = False  # whether a fold was trained on a GPU that rounds to TF32
    started: str  # ISO 8601, UTC
    machine: Machine
    versions: dict[str, str]  # of Python, the packages and this project
    external: ExternalRecord | None = None  # for a set that was scored by the nets of another run

    @property
    def net_shas(self) -> list[str]:
        """weights_sha of the nets that scored an external set; empty for any other run."""
        return [net.weights_sha for net in self.external.nets] if self.external else []


class SplitRecord(Record, frozen=True, kw_only=True):
    """The frozen folds of a run (paper: "Evaluation Methods"); split.json."""

    FILE: ClassVar[str] = "split.json"
    MADE_BY: ClassVar[str] = "tools/build_lmdb.py"

    protocol: str
    seed: int
    dataset_sha: Sha
    folds: list[list[str]]  # ids of each fold's test cells, sorted
    left_out: list[str] | None = None  # ids that no fold trains on or tests, so that a part of the cells can be tried
    split_sha: Sha  # over all other fields; checked when the record is read

    @classmethod
    def of(
        cls, protocol: str, seed: int, dataset_sha: str, folds: list[list[str]], left_out: list[str] | None = None
    ) -> Self:
        """A split with its checksum."""
        facts = {"protocol": protocol, "seed": seed, "folds": folds}
        facts |= {} if left_out is None else {"left_out": left_out}
        # hashed under the name that the field had in the first release, so that fold_sha keeps its value
        return cls(**facts, dataset_sha=dataset_sha, split_sha=digest({**facts, "dataset_fingerprint": dataset_sha}))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's split and check that nobody changed it."""
        split = super().read(folder)
        again = cls.of(split.protocol, split.seed, split.dataset_sha, split.folds, split.left_out)
        ids = [cell for fold in split.folds for cell in fold]
        if again != split or len(set(ids)) != len(ids) or not all(split.folds):
            do = "Remove the run folder and build it again."
            raise UserError(folder / cls.FILE, "the split as it was written", "another content than its split_sha", do)
        return split


class LmdbRecord(Facts, frozen=True, kw_only=True):
    """An LMDB's data file."""

    entries: Count
    bytes: Count
    sha256: Sha


class FoldRecord(Record, frozen=True, kw_only=True):
    """One fold's data; fold.json."""

    FILE: ClassVar[str] = "fold.json"
    MADE_BY: ClassVar[str] = "tools/build_lmdb.py"

    fold: Count  # 0-based
    fold_sha: Sha  # over all that the data follow from: split, fold, selection, classes, control, seed, encoding, views
    split_sha: Sha
    train_lmdb: LmdbRecord
    val_lmdb: LmdbRecord
    mean_sha: Sha  # of mean.binaryproto
    train_cells: Some
    val_cells: Some
    validation_views: Some  # of each validation cell: one batch of Caffe's TEST phase
    train_labels: list[Count]  # training views of each label


class BlendTry(Facts, frozen=True, kw_only=True):
    """How a net of so much of the adapted weights, the rest the source's, ordered the inner cells."""

    share: Share  # 0 is the source as it is
    auc: Share | None  # None if a label is missing among the cells
    loss: float  # -log P of the right label, each label's mean in equal parts


class BlendRecord(Facts, frozen=True, kw_only=True):
    """Which weights an adapted net kept: see deeppap.training.blend."""

    share: Share
    # so many inner cells chose, by what each share gave them
    abnormal: Count = 0
    normal: Count = 0
    tried: tuple[BlendTry, ...] = ()
    trained: Count | None = None  # with `select` last, by which no cells choose: so many cells trained


class ModelRecord(Record, frozen=True, kw_only=True):
    """The snapshot that a fold selected (paper: "Network training"); model.json."""

    FILE: ClassVar[str] = "model.json"
    MADE_BY: ClassVar[str] = "tools/train.py"

    snapshot: Inside  # path of the .caffemodel in the fold's folder
    iteration: Count
    epoch: float  # `iteration` over the iterations of an epoch
    select: Literal["paper", "last", "inner"]
    # Caffe's own numbers at that snapshot, over all validation views; None if it was not tested
    val_loss: float | None
    val_accuracy: float | None
    # of an adapted net: the same before its first iteration
    val_loss_before: float | None = None
    val_accuracy_before: float | None = None
    blend: BlendRecord | None = None  # None where the weights are the snapshot's as Caffe wrote it
    source_mean_sha: Sha | None = None  # of source_mean.binaryproto, if the net is adapted
    weights_sha: Sha  # of the snapshot's bytes
    fold_sha: Sha  # of the data that it was trained on
    recipe: Recipe | None

    def weights_in(self, fold: Path) -> Path:
        """The snapshot in the fold's folder; UserError for a link that leads out of it."""
        return inside(fold, self.snapshot)

    @property
    def source(self) -> SourceRecord | None:
        """The trained net that this one was adapted from, if any."""
        return self.recipe.source if self.recipe else None


class ThresholdRecord(Facts, frozen=True, kw_only=True):
    """A threshold for use: it gives a sensitivity on cells that were held back from training and scored the same way.

    Of several nets whose scores are averaged it is the mean of theirs; all else is the net's with the fewest cells.
    """

    sensitivity: Share  # that was asked for; the threshold is the highest one that reaches it
    threshold: Share
    specificity: Share  # on the same cells
    # so many held-back cells it rests on
    abnormal: Some
    normal: Some
    # abnormal test cells that it calls abnormal, of so many; None if they chose it
    tested: tuple[Count, Count] | None = None
    by: Literal["inner", "test"] = "inner"  # the cells that chose it


class ScoreRecord(Facts, frozen=True, kw_only=True):
    """How a file of scores was made (paper: "Testing"); scores.json beside scores.csv.

    Of several nets, `weights_sha` and `fold_sha` are digests over all of them, and `weights` is None.
    """

    cells: Some
    views: Some  # of a cell
    crops: Some  # of a view
    shift: Count  # pixels by which the true centres were moved, at most (paper: Table 3)
    engine: str
    precision: str  # "tf32" if a GPU may round to it
    device: str  # processor or GPU
    caffe: str | None = None  # its build; None if another engine scored without it
    machine: Machine
    # None if nobody measured
    seconds_per_cell: Positive | None = None
    crops_per_second: Positive | None = None
    weights: str | None = None
    weights_sha: Sha
    fold_sha: Sha
    csv_sha: Sha  # of the bytes of the CSV file
    doubt: str | None = None  # why the scores give no evidence that the net learned; judged once, when they were made
    thresholds: tuple[ThresholdRecord, ...] | None = None  # None if no held-back cells were scored

    @classmethod
    def beside(cls, scores: Path) -> Self:
        """Read the record of a CSV file of scores."""
        return read_record(scores.with_suffix(".json"), cls, "tools/evaluate.py")

    def write_beside(self, scores: Path) -> None:
        """Write the record of a CSV file of scores."""
        write_record(scores.with_suffix(".json"), self)

    def mismatch(self, scores: Path, shift: int, model: ModelRecord | None) -> str | None:
        """Why this is not the record of these scores, or the scores are not this net's; None if all is well."""
        if self.csv_sha != sha256_file(scores):
            return "a record of other scores"
        if self.shift != shift:
            return f"scores under a shift of {self.shift} pixels"
        if model and self.weights_sha != model.weights_sha:
            return f"scores of another net, {self.weights_sha[:12]}"
        if model and self.fold_sha != model.fold_sha:
            return "scores of another fold, split or seed"
        return None
