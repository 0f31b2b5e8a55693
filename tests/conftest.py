"""What the tests share: one small phantom, one fold built from it, one model trained on it.

Each is made once a session by the very tools a user runs, in a folder of its own. Tests only read them;
whoever needs to change something copies it first (`copy_of`).
"""

import os

# no test meets them by accident
HERLEV, WEIGHTS, FIELDS = (os.environ.pop(name, None) for name in ("HERLEV", "WEIGHTS", "FIELDS"))
os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil  # noqa: E402
import signal  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from data_prep.dataset import open_dataset  # noqa: E402
from deeppap.engines.caffe_net import probe_net  # noqa: E402
from deeppap.phantom.cell_set import make_phantom  # noqa: E402
from tests.support.caffe_nets import gaussian_weights  # noqa: E402
from tests.support.checkout import ROOT, make_checkout, run_tool  # noqa: E402

CELLS = 40
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell started us in the background
settings.register_profile("deeppap", database=None, deadline=None)  # leaves nothing in the project
settings.load_profile("deeppap")


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """A Herlev-shaped folder of 40 drawn cells."""
    folder = tmp_path_factory.mktemp("phantom") / "phantom"
    make_phantom(folder, CELLS, workers=1)
    return folder


@pytest.fixture(scope="session")
def dataset(phantom):
    return open_dataset(phantom)


@pytest.fixture(scope="session")
def net_shapes():
    """Parameter shapes of the two-class net, by layer."""
    return probe_net(ROOT / "prototxt/deploy.prototxt")["params"]


@pytest.fixture(scope="session")
def source_weights(tmp_path_factory, net_shapes):
    """A source net with seeded Gaussian conv1 to conv5, and nothing else."""
    conv = {name: shapes for name, shapes in net_shapes.items() if name.startswith("conv")}
    return gaussian_weights(tmp_path_factory.mktemp("weights") / "source.caffemodel", conv)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A folder to run tools in as from the project's root: nothing is written into the project."""
    return make_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def built_fold(checkout, phantom):
    """Fold 0 of the phantom, profile smallest: 32 cells to train on, 8 to validate."""
    run_tool(checkout, "build_lmdb", "--fold", "0", "--profile", "smallest", "--workers", "1", herlev=phantom)
    return checkout / "runs/phantom-cell-smallest/fold0"


@pytest.fixture(scope="session")
def train_output(checkout, built_fold, source_weights):
    return run_tool(checkout, "train", "--net", built_fold, "--weights", source_weights, "--gpu", "none")


@pytest.fixture(scope="session")
def trained_fold(built_fold, train_output):
    """The built fold with its selected model: one epoch from the source weights."""
    return built_fold


@pytest.fixture(scope="session")
def evaluate_output(checkout, trained_fold):
    return run_tool(checkout, "evaluate", "--net", trained_fold, "--gpu", "none")


@pytest.fixture(scope="session")
def evaluated_fold(trained_fold, evaluate_output):
    """The trained fold with its test cells' scores."""
    return trained_fold


@pytest.fixture(scope="session")
def trained_model(trained_fold):
    return next((trained_fold / "snapshots").glob("*.caffemodel"))


@pytest.fixture(scope="module")
def quick_reports():
    """Reports without figures, which take seconds each: for tests of what a tool does before its report."""
    with pytest.MonkeyPatch.context() as patch:
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
