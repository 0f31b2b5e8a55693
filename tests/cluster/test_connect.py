"""What --cluster may name, Dask's settings, and what is said without Dask."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("distributed", reason="make cluster")

from deeppap.cluster.certificate import make_certificate
from deeppap.cluster.connect import connected, on_cluster, require_dask
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("tls://127.0.0.1:1", "no answer from tls://127.0.0.1:1"),
        ("nowhere.json", "found nowhere.json"),
        ("lokal", "found lokal"),
        ("tcp://127.0.0.1:1", "encryption required"),
        ("empty.json", "no answer from empty.json"),
    ],
)
def test_no_cluster_there(tmp_path, monkeypatch, where, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPPAP_TLS", str(tmp_path / "tls"))
    make_certificate()
    (tmp_path / "empty.json").write_text("{}")
    monkeypatch.setattr("deeppap.cluster.connect.ANSWER", 1)
    with pytest.raises(UserError, match=said), connected(where):
        pass


@pytest.mark.parametrize(
    ("settings", "said"),
    [("temporary-directory: /proc/nowhere", "expected Dask to start here, found RuntimeError"), ("a: [b", "malformed")],
)
def test_dask_settings_of_the_users_that_do_not_work_are_one_line(tmp_path, settings, said):
    (tmp_path / "dask.yaml").write_text(settings)
    code = (
        "from deeppap.cli.tool import run; from deeppap.cluster.connect import connected\n"
        "run(lambda: connected('local', 1).__enter__())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DASK_CONFIG": str(tmp_path / "dask.yaml")},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert said in done.stderr


def test_without_dask_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match="distributed: .* make cluster"):
        require_dask()


def test_without_a_cluster_no_card_is_looked_for():
    def cards():
        raise AssertionError("nvidia-smi was started for nothing")

    with on_cluster(None, work=str, here="here", cards=cards) as run:
        assert run == "here"
    with pytest.raises(AssertionError), on_cluster("local", work=str, cards=cards):
        pass
