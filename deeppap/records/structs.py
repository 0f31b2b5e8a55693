"""The records: what a run, its folds, their nets and their scores remember of themselves."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import msgspec

from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file
from deeppap.records.record import Count, Record, Sha, Some, read_record, write_record
from deeppap.records.request import Options

Positive = Annotated[float, msgspec.Meta(gt=0)]


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a record."""


class Machine(Facts, frozen=True, kw_only=True):
    """The computer that made something."""

    processor: str
    cores: int
    system: str


class DatasetRecord(Facts, frozen=True, kw_only=True):
    """The facts of a data set that are needed where the set itself is absent (see data_prep.cells.Dataset).

    Attributes
    ----------
    path : str
        Where the set was when the run was built; updated if it moves.
    dataset_sha : str
        Over every cell's facts and image bytes.
    cells : int
    labels : (int, int)
        How many cells are normal and abnormal.
    pixel_um : float or None
        Side of a pixel in micrometres.
    paper : str or None
        Key in report/paper.json, where the paper has figures of this very set.
    phantom : bool
        Whether the cells are synthetic.
    """

    name: str
    path: str
    dataset_sha: Sha
    cells: Count
    view_plan: Literal["unbalanced", "balanced"]
    pixel_um: Positive | None
    paper: str | None
    phantom: bool
    labels: tuple[Count, Count]


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
    """A trained net that another one was adapted from; `recipe.source` goes on to the net before it.

    `recipe` is None where Caffe was started by hand.
    """

    run: str
    fold: Count
    dataset: SourceDataset
    fold_sha: Sha
    weights_sha: Sha
    control: str | None
    recipe: "Recipe | None"

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets that this net and those before it were trained on, the nearest first."""
        before = self.recipe.source if self.recipe else None
        return [self.dataset.name, *(before.datasets if before else [])]


class Recipe(Record, frozen=True, kw_only=True):
    """What a fold is trained with; training.json while the training goes on, then a part of model.json.

    Attributes
    ----------
    solver, train_val, deploy : str
        Digests of the hand-written prototxt files as Caffe reads them.
    batch_size, epochs, iterations : int
        The profile's; 0 takes the prototxt's. A net has `epochs`, an adapted one `iterations`.
    weights : WeightsRecord or None
        What the layers begin as; None is Gaussian values (paper: "Transfer learning").
    source : SourceRecord or None
        The net of `weights`, if it is a trained ConvNet-T.
    recipe_sha : str
        Over all of these except paths. All folds of a run have the same.
    """

    FILE: ClassVar[str] = "training.json"
    MADE_BY: ClassVar[str] = "tools/train.py"

    solver: Sha
    train_val: Sha
    deploy: Sha
    batch_size: Count
    epochs: Count | None = None
    iterations: Count | None = None
    weights: WeightsRecord | None
    source: SourceRecord | None = None
    recipe_sha: Sha

    @property
    def weights_sha(self) -> str | None:
        """Of the weights that it starts from; None for Gaussian values."""
        return self.weights.weights_sha if self.weights else None


class NetRecord(Facts, frozen=True, kw_only=True):
    """One of the nets that scored an external set: its fold's folder, its weights and the data it was trained on."""

    folder: str
    weights_sha: Sha
    fold_sha: Sha


class ExternalRecord(Facts, frozen=True, kw_only=True):
    """How a set was scored that the nets were not trained on.

    Attributes
    ----------
    trained_on : str
        Name of the nets' data set.
    source : SourceRecord or None
        What they were adapted from.
    nets : list of NetRecord
        Their scores are averaged.
    enlarged : float or None
        By how much the images were enlarged; None if a pixel size is unknown on one side.
    training_um : float or None
        Side of a pixel of the training set in micrometres.
    out_of_distribution : int or None
        How many cells are; None if there is no reference to tell.
    """

    trained_on: str
    source: SourceRecord | None
    nets: list[NetRecord]
    enlarged: Positive | None
    training_um: Positive | None
    out_of_distribution: Count | None


class RunRecord(Options, Record, frozen=True, kw_only=True):
    """A run: what was asked for, of which data set, and who made it when; run.json.

    Attributes
    ----------
    command : list of str
    tf32 : bool
        Whether a fold was trained on a GPU that rounds to TF32.
    started : str
        ISO 8601, UTC.
    versions : dict of str to str
        Of Python, the packages and this project.
    external : ExternalRecord or None
        For a set that was scored by the nets of another run.
    """

    FILE: ClassVar[str] = "run.json"
    MADE_BY: ClassVar[str] = "tools/build_lmdb.py"

    command: list[str]
    dataset: DatasetRecord
    tf32: bool = False
    started: str
    machine: Machine
    versions: dict[str, str]
    external: ExternalRecord | None = None

    @property
    def net_shas(self) -> list[str]:
        """weights_sha of the nets that scored an external set; empty for any other run."""
        return [net.weights_sha for net in self.external.nets] if self.external else []


class SplitRecord(Record, frozen=True, kw_only=True):
    """The frozen folds of a run (paper: "Evaluation Methods"); split.json.

    Attributes
    ----------
    folds : list of list of str
        Ids of each fold's test cells, sorted.
    left_out : list of str or None
        Ids that no fold trains on or tests, so that a part of the cells can be tried.
    split_sha : str
        Over all other fields; checked when the record is read.
    """

    FILE: ClassVar[str] = "split.json"
    MADE_BY: ClassVar[str] = "tools/build_lmdb.py"

    protocol: str
    seed: int
    dataset_sha: Sha
    folds: list[list[str]]
    left_out: list[str] | None = None
    split_sha: Sha

    @classmethod
    def of(
        cls, protocol: str, seed: int, dataset_sha: str, folds: list[list[str]], left_out: list[str] | None = None
    ) -> Self:
        """A split with its checksum."""
        # hashed under the name that the field had at first: the seeds of no fold depend on it, but every fold_sha does
        body = {"protocol": protocol, "seed": seed, "dataset_fingerprint": dataset_sha, "folds": folds}
        if left_out is not None:
            body["left_out"] = left_out
        return cls(
            protocol=protocol,
            seed=seed,
            dataset_sha=dataset_sha,
            folds=folds,
            left_out=left_out,
            split_sha=digest(body),
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's split and check that nobody changed it."""
        split = super().read(folder)
        again = cls.of(split.protocol, split.seed, split.dataset_sha, split.folds, split.left_out)
        ids = [cell for fold in split.folds for cell in fold]
        if again.split_sha != split.split_sha or len(set(ids)) != len(ids) or not all(split.folds):
            do = "Remove the run folder and build it again."
            raise UserError(folder / cls.FILE, "the split as it was written", "another content than its split_sha", do)
        return split


class LmdbRecord(Facts, frozen=True, kw_only=True):
    """An LMDB's data file."""

    entries: Count
    bytes: Count
    sha256: Sha


class FoldRecord(Record, frozen=True, kw_only=True):
    """One fold's data; fold.json.

    Attributes
    ----------
    fold : int
        0-based number.
    fold_sha : str
        Over everything that the data follow from: split, fold, selection, classes, control, seed, encoding, views.
    train_cells, val_cells : int
    validation_views : int
        Views of each validation cell: one batch of Caffe's TEST phase.
    train_labels : list of int
        Training views of each label.
    mean_sha : str
        Of mean.binaryproto.
    """

    FILE: ClassVar[str] = "fold.json"
    MADE_BY: ClassVar[str] = "tools/build_lmdb.py"

    fold: Count
    fold_sha: Sha
    split_sha: Sha
    train_lmdb: LmdbRecord
    val_lmdb: LmdbRecord
    mean_sha: Sha
    train_cells: Some
    val_cells: Some
    validation_views: Some
    train_labels: list[Count]


class ModelRecord(Record, frozen=True, kw_only=True):
    """The snapshot that a fold selected; model.json.

    Attributes
    ----------
    snapshot : str
        Path of the .caffemodel in the fold's folder.
    epoch : float
        `iteration` over the iterations of an epoch.
    val_loss, val_accuracy : float or None
        Caffe's own, of all validation views, at that snapshot; None if it was not tested.
    val_loss_before, val_accuracy_before : float or None
        Of an adapted net: the same before the first iteration.
    weights_sha : str
        Of the snapshot's bytes.
    fold_sha : str
        Of the data that it was trained on.
    recipe : Recipe or None
        What it was trained with.
    """

    FILE: ClassVar[str] = "model.json"
    MADE_BY: ClassVar[str] = "tools/train.py"

    snapshot: str
    iteration: Count
    epoch: float
    select: Literal["paper", "last", "inner"]
    val_loss: float | None
    val_accuracy: float | None
    val_loss_before: float | None = None
    val_accuracy_before: float | None = None
    weights_sha: Sha
    fold_sha: Sha
    recipe: Recipe | None

    @property
    def source(self) -> SourceRecord | None:
        """The trained net that this one was adapted from, if any."""
        return self.recipe.source if self.recipe else None


class ScoreRecord(Facts, frozen=True, kw_only=True):
    """How a file of scores was made; lies beside scores.csv as scores.json.

    Attributes
    ----------
    cells, views, crops : int
        Cells scored, views of a cell, crops of a view (paper: "Testing").
    shift : int
        By up to how many pixels the true centres were moved (paper: Table 3).
    engine, precision : str
        Precision is "tf32" where a GPU may round to it.
    device : str
        Processor or GPU.
    caffe : str or None
        Build of Caffe; None where another engine scored without it.
    seconds_per_cell, crops_per_second : float or None
        None where nobody measured.
    weights : str or None
        Path of the net; None for several nets.
    weights_sha, fold_sha : str
        Of the net and of its fold's data; of several nets, a digest over all of them.
    csv_sha : str
        Of the bytes of the CSV file.
    doubt : str or None
        Why the scores give no evidence that the net has learned anything; judged once, when they were made.
    """

    cells: Some
    views: Some
    crops: Some
    shift: Count
    engine: str
    precision: str
    device: str
    caffe: str | None = None
    machine: Machine
    seconds_per_cell: Positive | None = None
    crops_per_second: Positive | None = None
    weights: str | None = None
    weights_sha: Sha
    fold_sha: Sha
    csv_sha: Sha
    doubt: str | None = None

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
