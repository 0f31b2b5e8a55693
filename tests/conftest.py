"""What the tests share: one small phantom, one fold built from it, one model trained on it.

Each is made once for all workers, by the very tools a user runs. Tests only read them; whoever needs to change
something copies it first (`copy_of`).
"""

import os

# no test meets them by accident
HERLEV, WEIGHTS, FIELDS = (os.environ.pop(name, None) for name in ("HERLEV", "WEIGHTS", "FIELDS"))
os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
os.environ.setdefault("OMP_NUM_THREADS", "1")
# glibc would give a net's memory back after each use, and the system clears every page of it anew, which takes time.
# The workers of `-n` and the tools read these when they start
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(64 << 20))
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(256 << 20))

import fcntl  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from data_prep.dataset import open_dataset  # noqa: E402
from deeppap.engines.caffe_net import probe_net  # noqa: E402
from deeppap.io.image_file import say_once  # noqa: E402
from deeppap.phantom.cell_set import make_phantom  # noqa: E402
from tests.support.browser import browser, opened  # noqa: E402, F401 (fixtures)
from tests.support.caffe_nets import gaussian_weights  # noqa: E402
from tests.support.checkout import ROOT, make_checkout, run_tool  # noqa: E402

CELLS, OTHER_CELLS = 40, 24
# files of long tests: begun last, one of them would keep a single worker busy. The first needs no trained net: its
# worker has work while the other one trains that net for both
LONG = (
    "benchmarks/test_benchmarks",
    "training/test_adapting",
    "studies/test_cross_validate",
    "studies/test_learning_curve",
    "faults/test_cluster",
    "faults/test_interruptions",
    "faults/test_full_disk",
    "faults/test_kill_lmdb",
    "training/test_solver_fields",
    "screening/test_screen_tool",
    "screening/nuclei/test_train_fcn",
    "studies/test_own_classes",
    "studies/test_release",
    "test_experiments",
    "data_prep/test_several_sets",
    "tools/test_tools_start",
)
FOLD = "runs/phantom-cell-smallest/fold0"
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started us in the background
settings.register_profile("deeppap", database=None, deadline=None)  # leaves nothing in the project
settings.load_profile("deeppap")


def pytest_collection_modifyitems(items):
    place = {f"tests/{name}.py": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(LONG)))


@pytest.fixture(autouse=True)
def nothing_said_yet():
    """Each test hears what is said once a process, whatever ran before it in the same worker."""
    say_once.cache_clear()


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder that all workers of pytest-xdist have in common: (name, make) -> it, made by the first one to ask."""
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def once(name: str, make: Callable[[Path], object]) -> Path:
        folder = common / name
        with (common / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                # under another name until it is whole: a failure is met anew by the next worker
                half = Path(tempfile.mkdtemp(dir=common)) / name
                half.mkdir()
                make(half)
                half.rename(folder)
        return folder

    return once


@pytest.fixture(scope="session")
def phantom(shared):
    """A Herlev-shaped folder of 40 drawn cells."""
    return shared("drawn", lambda folder: make_phantom(folder / "phantom", CELLS)) / "phantom"


@pytest.fixture(scope="session")
def other_phantom(shared):
    """Another laboratory's cells: a phantom of another seed, which shares no picture with the first."""
    return shared("other", lambda folder: make_phantom(folder / "other", OTHER_CELLS, seed=2)) / "other"


@pytest.fixture(scope="session")
def dataset(phantom):
    return open_dataset(phantom)


@pytest.fixture(scope="session")
def net_shapes():
    """Parameter shapes of the two-class net, by layer."""
    return probe_net(ROOT / "prototxt/deploy.prototxt")["params"]


@pytest.fixture(scope="session")
def source_weights(shared, net_shapes):
    """A source net with seeded Gaussian conv1 to conv5, and nothing else."""
    conv = {name: shapes for name, shapes in net_shapes.items() if name.startswith("conv")}
    return shared("weights", lambda folder: gaussian_weights(folder / "source.caffemodel", conv)) / "source.caffemodel"


@pytest.fixture(scope="session")
def trained_once(shared, phantom, source_weights):
    """A checkout in which fold 0 of the phantom was built, trained and evaluated; each tool's output is a text file."""

    def make(folder: Path) -> None:
        place = make_checkout(folder / "place")
        fold = Path(FOLD)
        words = {
            "build_lmdb": ("--fold", "0", "--profile", "smallest", "--workers", "1"),
            "train": ("--net", fold, "--weights", source_weights, "--gpu", "none"),
            "evaluate": ("--net", fold, "--gpu", "none"),
        }
        for tool, options in words.items():
            printed = run_tool(place, tool, *options, herlev=phantom).stdout
            (folder / f"{tool}.txt").write_text(printed, encoding="utf-8")

    return shared("trained", make)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A folder to run tools in as from the project's root: nothing is written into the project."""
    return make_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def evaluated_fold(checkout, trained_once):
    """Fold 0 of the phantom in this worker's checkout, profile smallest, after one epoch, with its test cells' scores.

    It has 32 cells to train on and 8 to validate.
    """
    # a test may have built another set of cells there before
    (checkout / "data/fold").unlink(missing_ok=True)
    for name in ("runs", "data"):
        shutil.copytree(trained_once / "place" / name, checkout / name, symlinks=True, dirs_exist_ok=True)
    return checkout / FOLD


# a test asks for as much as it needs
@pytest.fixture(scope="session")
def built_fold(evaluated_fold):
    return evaluated_fold


@pytest.fixture(scope="session")
def trained_fold(evaluated_fold):
    return evaluated_fold


@pytest.fixture(scope="session")
def trained_model(trained_fold):
    return next((trained_fold / "snapshots").glob("*.caffemodel"))


@pytest.fixture(scope="module")
def quick_reports():
    """No figures, forests and timing of Caffe, which take seconds each: for tests of what a tool does else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deeppap.studies.estimate.forward_rate", lambda *_: 100.0)
        for measured in ("background_colours", "image_sizes"):
            patch.setattr(f"deeppap.studies.baselines.{measured}", lambda _: {})
        patch.setattr("deeppap.report.report.all_figures", lambda runs: ())
        patch.setattr("deeppap.report.report.ensure_net_files", lambda run: None)
        yield


@pytest.fixture
def copy_of(tmp_path):
    """Copy a fold with its run's records into a checkout of one's own: (fold, leave out) -> (checkout, fold)."""

    def copy(fold: Path, *leave_out: str) -> tuple[Path, Path]:
        place = make_checkout(tmp_path / "place")
        run = place / "runs" / fold.parent.name
        run.mkdir(parents=True)
        for record in fold.parent.glob("*.*"):
            shutil.copy(record, run)
        shutil.copytree(fold, run / fold.name, ignore=shutil.ignore_patterns(".lock", *leave_out))
        (run / fold.name / "snapshots").mkdir(exist_ok=True)
        return place, run / fold.name

    return copy


@pytest.fixture(scope="session")
def herlev():
    """The real Herlev set: HERLEV, else data/herlev, else a copy beside the project."""
    for path in (HERLEV, ROOT / "data/herlev", ROOT.parent / "shared/herlev"):
        if path and (Path(path) / "normal_columnar").is_dir():
            return Path(path)
    return pytest.skip("no Herlev here: set HERLEV to a copy")


@pytest.fixture(scope="session")
def caffenet_weights():
    """Real CaffeNet weights: WEIGHTS, else a copy beside the project."""
    for path in (WEIGHTS, ROOT.parent / "shared/weights/caffenet_conv.caffemodel"):
        if path and Path(path).is_file():
            return Path(path)
    return pytest.skip("no CaffeNet weights here: set WEIGHTS to a copy")


@pytest.fixture(scope="session")
def real_fields():
    """Photographed fields of CRIC, a folder of images: FIELDS/cric, else a copy beside the project."""
    for path in (FIELDS, ROOT.parent / "shared/fields"):
        if path and (Path(path) / "cric").is_dir():
            return Path(path) / "cric"
    return pytest.skip("no real fields here: set FIELDS to a copy")


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)
