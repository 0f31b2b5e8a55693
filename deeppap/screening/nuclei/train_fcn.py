"""Training the nucleus net: crops, the prototxt files resolved for a folder, `caffe train`, its weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deeppap.engines.net_probe import probe_net
from deeppap.engines.weights_file import check_weights
from deeppap.io.caffe_messages import ROOT, prototxt_digest, read_binary, read_prototxt, write_prototxt
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, digest, read_json, remove, sha256_file, write_json, write_text
from deeppap.records.run_folder import locked
from deeppap.screening.nuclei.fcn_crops import CROP
from deeppap.screening.nuclei.fcn_data import FieldSet, require_sets, write_crops
from deeppap.screening.nuclei.fcn_scale import WORK_MPP
from deeppap.training.resolve import Schedule
from deeppap.training.run_caffe import train
from deeppap.training.snapshots import Snapshot, list_snapshots

PROTOTXT = ROOT / "prototxt/nucleus_fcn"
PREFIX = "nucleus_fcn"
FILES = (("train_val", "NetParameter"), ("solver", "SolverParameter"))
WEIGHTS = f"{PREFIX}.caffemodel"
RECORD = "detector.json"
NOTE = "# Resolved for this folder from {source}; the hand-written file is the definition.\n"


@dataclass(frozen=True)
class TrainRequest:
    """What one net is trained on; `iterations` None takes the solver's."""

    sets: Sequence[FieldSet]
    crops: int = 16000
    iterations: int | None = None
    seed: int = 1

    def record(self) -> dict:
        """What distinguishes this training from another, for the folder's record."""
        sets = [
            {
                "name": one.name,
                "mpp": one.mpp,
                "loose": one.loose,
                "fields": len(one.fields),
                "nuclei": sum(len(f.points) for f in one.fields),
                "sha256": digest([[f.path.name, sha256_file(f.path), f.points.tolist(), f.labels] for f in one.fields]),
            }
            for one in self.sets
        ]
        counts = {"crops": self.crops, "iterations": self.iterations, "seed": self.seed}
        files = {name: prototxt_digest(PROTOTXT / f"{name}.prototxt", kind) for name, kind in FILES}
        return {"net": PREFIX, "work_mpp": WORK_MPP, "crop": CROP, **files, **counts, "sets": sets}


def train_fcn(folder: Path, request: TrainRequest, say: Callable[[str], None] = print) -> Path:
    """Train to the end, from the newest whole snapshot if there is one; returns the .caffemodel in `folder`.

    Raises
    ------
    UserError
        For fields without nuclei, a folder that holds another training, and with Caffe's own reason if it fails.
    """
    require_sets(request.sets)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) as lock:
        record, weights = request.record(), folder / WEIGHTS
        if weights.exists():
            _require_same(folder, record)
            say(f"{weights} is already trained")
            return weights
        _require_own(folder)
        _crops(folder, request, record)
        schedule = resolve(folder, request)
        shapes = probe_net(PROTOTXT / "deploy.prototxt")["params"]
        last = _run(folder, schedule, shapes, say, lock)
        net = check_weights(last.model, shapes, "Train again.")
        for index in reversed([i for i, layer in enumerate(net.layer) if layer.type == "Data"]):
            del net.layer[index]  # they name this folder: the same training elsewhere gives the same bytes
        with complete_or_absent(weights) as partial:
            partial.write_bytes(net.SerializeToString(deterministic=True))
        write_json(folder / RECORD, {**record, "sha256": sha256_file(weights)})
        for spent in ("crops", "snapshots"):
            remove(folder / spent)
        return weights


def _require_own(folder: Path) -> None:
    """Refuse a folder of anything else: its snapshots, log and prototxt would be replaced."""
    held = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if held and RECORD not in held:
        raise UserError(folder, f"a new folder, or one with {RECORD}", held[0], "Give another folder.")


def _require_same(folder: Path, record: dict) -> None:
    path = folder / RECORD
    have = read_json(path, "tools/train_detector.py")
    if not isinstance(have, dict) or {k: v for k, v in have.items() if k != "sha256"} != record:
        raise UserError(
            path, "a record of this very training", "another one", f"Give another folder, or remove {folder}."
        )


def _crops(folder: Path, request: TrainRequest, record: dict) -> None:
    """The crops, made once: a second call finds them, and refuses those of other fields."""
    if (folder / "crops").exists():
        return _require_same(folder, record)
    remove(folder / "snapshots")  # of crops that are no more
    write_json(folder / RECORD, record)
    with complete_or_absent(folder / "crops") as partial:
        write_crops(partial, "train", request.sets, request.crops, request.seed)
    return None


def resolve(folder: Path, request: TrainRequest) -> Schedule:
    """Write the prototxt files into a folder with its paths, iterations and seed; returns the schedule."""
    net = read_prototxt(PROTOTXT / "train_val.prototxt", "NetParameter")
    solver = read_prototxt(PROTOTXT / "solver.prototxt", "SolverParameter")
    for layer in (layer for layer in net.layer if layer.type == "Data"):
        layer.data_param.source = str(folder / "crops" / Path(layer.data_param.source).name)
        batch = layer.data_param.batch_size
    solver.net = str(folder / "train_val.prototxt")
    solver.max_iter = request.iterations or solver.max_iter
    solver.snapshot = min(solver.snapshot, solver.max_iter)
    solver.display = min(solver.display, solver.max_iter)
    solver.random_seed = request.seed
    (folder / "snapshots").mkdir(exist_ok=True)
    solver.snapshot_prefix = str(folder / "snapshots" / PREFIX)
    for name, message in (("train_val", net), ("solver", solver)):
        source = f"{PROTOTXT.relative_to(ROOT)}/{name}.prototxt"
        write_text(folder / f"{name}.prototxt", NOTE.format(source=source) + write_prototxt(message))
    return Schedule(solver.max_iter, 1, batch)


def _run(folder: Path, schedule: Schedule, shapes: dict, say: Callable[[str], None], lock: int) -> Snapshot:
    """Run Caffe from the newest whole snapshot to the last iteration; returns that one's."""
    start = newest(folder / "snapshots", shapes, say)
    if start is None:
        remove(folder / "train.log")
    else:
        say(f"resuming from iteration {start.iteration}: a continuation, not a repetition of an unbroken run")
    if start is None or start.iteration < schedule.max_iter:
        arguments = ["-solver", str(folder / "solver.prototxt")]
        arguments += [] if start is None else ["-snapshot", str(start.state)]
        train(arguments, schedule, start.iteration if start else 0, folder / "train.log", say, hold=lock)
        start = newest(folder / "snapshots", shapes, say)
    if start is None or start.iteration != schedule.max_iter:
        found = "none" if start is None else f"iteration {start.iteration}"
        raise UserError(folder / "snapshots", f"iteration {schedule.max_iter}", found, "Run the same command again.")
    return start


def newest(folder: Path, shapes: dict, say: Callable[[str], None]) -> Snapshot | None:
    """The newest snapshot of which both files are whole; says a line for each that it passes over."""
    count = 2 * sum(len(blobs) for blobs in shapes.values())  # Adam keeps two histories a blob
    for snapshot in list_snapshots(folder):
        try:
            check_weights(snapshot.model, shapes, "Remove it.")
            state = read_binary(snapshot.state, "SolverState", "Remove it.")
            if (state.iter, len(state.history)) != (snapshot.iteration, count):
                found = f"iteration {state.iter} with {len(state.history)}"
                raise UserError(snapshot.state, f"iteration {snapshot.iteration} with {count} histories", found, "")
            return snapshot
        except UserError as error:
            say(f"passing over iteration {snapshot.iteration}: {error}")
    return None
