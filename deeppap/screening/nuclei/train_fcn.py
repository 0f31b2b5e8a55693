"""Training the nucleus net: crops, the prototxt files resolved for a folder, `caffe train`, its weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from data_prep.image_hashes import pixel_sha256
from deeppap.engines.caffe_net import probe_net
from deeppap.engines.weights_file import Shapes, check_weights
from deeppap.io.caffe_messages import ROOT, prototxt_digest, read_prototxt, write_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, digest, remove, sha256_file, write_text
from deeppap.records.record import Record
from deeppap.records.run_folder import locked
from deeppap.screening.nuclei.detector import WEIGHTS as SHIPPED
from deeppap.screening.nuclei.fcn_data import CROP, TRAINED_MPP, require_nuclei, write_crops
from deeppap.screening.nuclei.fields import FieldSet
from deeppap.training.resolve import Schedule
from deeppap.training.run_caffe import train
from deeppap.training.snapshots import Snapshot, newest_complete

PROTOTXT = ROOT / "prototxt/nucleus_fcn"
PREFIX = "nucleus_fcn"
WEIGHTS = f"{PREFIX}.caffemodel"
IMAGES = "images.sha256"  # beside the weights: the fields that they learned from, so that none is judged unnoticed
HISTORIES = 2  # that Adam keeps of each blob
NOTE = "# Resolved for this folder from {source}; the hand-written file is the definition.\n"


class SetRecord(msgspec.Struct, frozen=True):
    """A set of fields that a detector was trained on."""

    name: str
    mpp: float
    incomplete: bool
    fields: int
    nuclei: int
    sha256: str  # over images, points and labels


class DetectorRecord(Record, frozen=True):
    """What distinguishes one training of the nucleus net from another."""

    FILE = "detector.json"
    MADE_BY = "tools/train_detector.py"

    net: str
    trained_mpp: float
    crop: int
    train_val: str  # digests of the prototxt files
    solver: str
    crops: int
    iterations: int | None
    seed: int
    sets: list[SetRecord]
    teacher: str | None  # sha256 of the weights that found what incomplete marks leave out
    sha256: str | None = None  # of the weights, once there are any


@dataclass(frozen=True)
class TrainRequest:
    """What one net is trained on; `iterations` None takes the solver's, `teacher` None the shipped weights."""

    sets: Sequence[FieldSet]
    crops: int = 16000
    iterations: int | None = None
    seed: int = 1
    teacher: Path | None = None

    def record(self) -> DetectorRecord:
        """The record of this training."""
        sets = []
        for one in self.sets:
            sha256 = digest([[f.path.name, sha256_file(f.path), f.points.tolist(), f.labels] for f in one.fields])
            nuclei = sum(len(f.points) for f in one.fields)
            sets.append(SetRecord(one.name, one.mpp, one.incomplete, len(one.fields), nuclei, sha256))
        files = (
            prototxt_digest(PROTOTXT / "train_val.prototxt", "NetParameter"),
            prototxt_digest(PROTOTXT / "solver.prototxt", "SolverParameter"),
        )
        teacher = sha256_file(self.teacher or SHIPPED) if any(one.incomplete for one in self.sets) else None
        return DetectorRecord(PREFIX, TRAINED_MPP, CROP, *files, self.crops, self.iterations, self.seed, sets, teacher)


def train_fcn(folder: Path, request: TrainRequest, say: Callable[[str], None] = print) -> Path:
    """Train to the end, from the newest whole snapshot if there is one; returns the .caffemodel in `folder`.

    Raises UserError for fields without nuclei, a folder that holds another training, and with Caffe's own reason if it
    fails.
    """
    require_nuclei(request.sets)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) as lock:
        record, weights = request.record(), folder / WEIGHTS
        if weights.exists():
            _require_same(folder, record)
            say(f"{weights} is already trained")
            return weights
        _require_own(folder)
        _make_crops(folder, request, record)
        schedule = resolve(folder, request)
        shapes = probe_net(PROTOTXT / "deploy.prototxt")["params"]
        last = _train(folder, schedule, shapes, say, lock)
        net = check_weights(last.model, shapes, "Train again.").net
        # data layers name this folder: without them the same training elsewhere gives the same bytes
        for index in reversed([i for i, layer in enumerate(net.layer) if layer.type == "Data"]):
            del net.layer[index]
        with complete_or_absent(weights) as partial:
            partial.write_bytes(net.SerializeToString(deterministic=True))
        write_training_images(folder / IMAGES, request.sets)
        msgspec.structs.replace(record, sha256=sha256_file(weights)).write(folder)
        # last: killed before, the same command goes on from them
        for spent in ("crops", "snapshots"):
            remove(folder / spent)
        return weights


def write_training_images(path: Path, sets: Sequence[FieldSet]) -> None:
    """Write the checksum of every field's pixels and its name, a line each, as a run's images.sha256 has them."""
    fields = [field for one in sets for field in one.fields]
    write_text(path, "".join(sorted(f"{pixel_sha256(f.image())}  {f.path.name}\n" for f in fields)))


def _require_own(folder: Path) -> None:
    """Refuse a folder of anything else: its snapshots, log and prototxt would be replaced."""
    held = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if held and DetectorRecord.FILE not in held:
        expected = f"a new folder, or one with {DetectorRecord.FILE}"
        raise UserError(folder, expected, held[0], "Give another folder.")


def _require_same(folder: Path, record: DetectorRecord) -> None:
    if msgspec.structs.replace(DetectorRecord.read(folder), sha256=None) != record:
        path, do = folder / DetectorRecord.FILE, f"Give another folder, or remove {folder}."
        raise UserError(path, "a record of the same training", "another one", do)


def _make_crops(folder: Path, request: TrainRequest, record: DetectorRecord) -> None:
    """Make the crops once: a second call finds them, and refuses those of other fields."""
    if (folder / "crops").exists():
        _require_same(folder, record)
        return
    remove(folder / "snapshots")  # of crops that were removed
    record.write(folder)
    with complete_or_absent(folder / "crops") as partial:
        write_crops(partial, "train", request.sets, request.crops, request.seed, request.teacher)


def resolve(folder: Path, request: TrainRequest) -> Schedule:
    """Write the prototxt files into a folder with its paths, iterations and seed; returns the schedule."""
    net = read_prototxt(PROTOTXT / "train_val.prototxt", "NetParameter")
    solver = read_prototxt(PROTOTXT / "solver.prototxt", "SolverParameter")
    for layer in (layer for layer in net.layer if layer.type == "Data"):
        layer.data_param.source = str(folder / "crops" / Path(layer.data_param.source).name)
        batch = layer.data_param.batch_size
    solver.net = str(folder / "train_val.prototxt")
    solver.max_iter = request.iterations or solver.max_iter
    # both at least once, however short the training is
    solver.snapshot = min(solver.snapshot, solver.max_iter)
    solver.display = min(solver.display, solver.max_iter)
    solver.random_seed = request.seed
    (folder / "snapshots").mkdir(exist_ok=True)
    solver.snapshot_prefix = str(folder / "snapshots" / PREFIX)
    for name, message in (("train_val", net), ("solver", solver)):
        source = f"{PROTOTXT.relative_to(ROOT)}/{name}.prototxt"
        write_text(folder / f"{name}.prototxt", NOTE.format(source=source) + write_prototxt(message))
    return Schedule(solver.max_iter, 1, batch)


def _train(folder: Path, schedule: Schedule, shapes: Shapes, say: Callable[[str], None], lock: int) -> Snapshot:
    """Run Caffe from the newest whole snapshot to the last iteration; returns that one's."""
    start = _newest(folder, shapes, say)
    if start is None:
        remove(folder / "train.log")
    else:
        say(f"resuming from iteration {start.iteration}: a continuation, not a repetition of an unbroken run")
    if start is None or start.iteration < schedule.max_iter:
        arguments = ["-solver", str(folder / "solver.prototxt")]
        arguments += [] if start is None else ["-snapshot", str(start.state)]
        train(arguments, schedule, start.iteration if start else 0, folder / "train.log", say, hold=lock)
        start = _newest(folder, shapes, say)
    if start is None or start.iteration != schedule.max_iter:
        found = "none" if start is None else f"iteration {start.iteration}"
        raise UserError(folder / "snapshots", f"iteration {schedule.max_iter}", found, "Run the same command again.")
    return start


def _newest(folder: Path, shapes: Shapes, say: Callable[[str], None]) -> Snapshot | None:
    snapshot, passed = newest_complete(folder / "snapshots", shapes, HISTORIES)
    for line in passed:
        say(line)
    return snapshot
