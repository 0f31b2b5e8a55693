"""Jobs on a real cluster of two workers, what --cluster may name, and what is said without Dask."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("distributed", reason="make cluster")

import dask

from deeppap.cluster.certificate import make_certificate
from deeppap.cluster.connect import connected, on_cluster, require_dask
from deeppap.cluster.jobs import Job, Jobs, shared_mark
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT
from tests.support.cluster_jobs import deadly, double, endless, never, second, slowly, tried
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def client():
    require_dask()
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), connected("local", 2) as client:
        yield client


@pytest.fixture
def run(client, tmp_path):
    """Runs (function, *values) by name: what each gave, and the reason for those that were given up."""

    def run_all(seen=None, begun=False, seconds=None, **jobs):
        found = {}
        with shared_mark(tmp_path / "shared") as mark:
            sent = [
                Job(name, function, (str(tmp_path), *values), seconds) for name, (function, *values) in jobs.items()
            ]
            given_up = Jobs(client, seen or mark, lambda job, value: found.setdefault(job.name, value), begun).run(sent)
        # a future that is held makes its job run again if its worker dies
        wait_until(lambda: not client.futures, "the last future to be released", 5)
        assert not list((tmp_path / "shared").iterdir())
        return found, given_up

    return run_all


def test_every_job_is_done_once_and_by_both_workers(run, tmp_path):
    found, given_up = run(**{f"n{value}": (double, value) for value in range(20)})
    assert (found, given_up) == ({f"n{value}": 2 * value for value in range(20)}, {})
    tries = [tried(tmp_path, f"double{value}") for value in range(20)]
    assert {len(processes) for processes in tries} == {1}
    assert len({processes[0] for processes in tries}) == 2


def test_failing_job_is_tried_elsewhere_and_then_named(run, tmp_path):
    good = {f"n{value}": (double, value) for value in range(8)}
    found, given_up = run(other=(second,), bad=(never,), **good)
    assert found == {"other": "there", **{f"n{value}": 2 * value for value in range(8)}}
    assert len(set(tried(tmp_path, "second"))) == 2
    assert len(tried(tmp_path, "never")) == 3 and len(set(tried(tmp_path, "never"))) == 2
    assert given_up.keys() == {"bad"}
    assert "ValueError: not on any worker" in given_up["bad"] and "worker tls://127.0.0.1:" in given_up["bad"]


def test_if_no_worker_can_work_the_call_ends_early(run, tmp_path):
    with pytest.raises(UserError, match="a worker that can do the work, found ValueError"):
        run(**{f"n{number}": (never,) for number in range(50)})
    assert len(tried(tmp_path, "never")) < 20


def test_failing_jobs_are_named_if_others_were_done(run):
    found, given_up = run(good=(double, 1), **{f"bad{number}": (never,) for number in range(5)})
    assert found == {"good": 2}
    assert given_up.keys() == {f"bad{number}" for number in range(5)}
    found, given_up = run(slow=(slowly, 3.0), bad=(never,))  # another is still at work
    assert found == {"slow": "there"} and given_up.keys() == {"bad"}
    assert run(begun=True, bad=(never,))[1].keys() == {"bad"}  # an earlier call did them


def test_worker_that_does_not_see_the_drivers_folder_is_refused(run, tmp_path):
    with pytest.raises(UserError, match="elsewhere: expected the folder that the driver writes into"):
        run(seen=str(tmp_path / "elsewhere/mark"), n=(double, 1))
    assert not tried(tmp_path, "double1")


def test_a_cluster_without_a_worker_is_told_from_one_that_has_ended():
    def in_vain(*_, **__):
        raise TimeoutError("Only 0/1 workers arrived")

    client = SimpleNamespace(status="running", nthreads=dict, wait_for_workers=in_vain)
    with pytest.raises(UserError, match="expected a worker, found none within 120 s"):
        Jobs(client, "mark", print).run([Job("n", double, ())])
    client.status = "closed"
    with pytest.raises(UserError, match="scheduler, found it has ended"):
        Jobs(client, "mark", print).run([Job("n", double, ())])


def test_worker_of_another_version_is_refused(run, monkeypatch):
    monkeypatch.setattr("deeppap.cluster.jobs.code_digest", lambda: "another")
    with pytest.raises(UserError, match="another version"):
        run(n=(double, 1))


def test_job_that_kills_its_worker_is_named_and_its_victims_are_done(run, tmp_path):
    found, given_up = run(bad=(deadly,), **{f"n{value}": (double, value) for value in range(4)})
    assert found == {f"n{value}": 2 * value for value in range(4)}
    assert given_up.keys() == {"bad"} and "workers died with it" in given_up["bad"]
    assert len(tried(tmp_path, "deadly")) == 2


def test_job_without_end_is_given_up_after_its_time_and_its_worker_is_free_again(run, tmp_path):
    jobs = {"a": (endless,), "b": (endless,), **{f"n{value}": (double, value) for value in range(4)}}
    found, given_up = run(seconds=3, **jobs)
    assert found == {f"n{value}": 2 * value for value in range(4)}
    assert given_up.keys() == {"a", "b"} and all("not done after 3 s" in reason for reason in given_up.values())
    assert len(tried(tmp_path, "endless")) == 2


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


def test_without_a_cluster_no_card_is_looked_for():
    def cards():
        raise AssertionError("nvidia-smi was started for nothing")

    with on_cluster(None, work=str, here="here", cards=cards) as run:
        assert run == "here"
    with pytest.raises(AssertionError), on_cluster("local", work=str, cards=cards):
        pass


def test_job_whose_result_is_lost_with_its_worker_is_tried_once_more_alone(client):
    """Dask computes a lost result again; if that kills a worker too, asking for the result raises."""
    from distributed.scheduler import KilledWorker

    class Lost:
        status = "finished"

        def result(self):
            self.status = "error"
            raise self.exception()

        def exception(self):
            return KilledWorker("key", None, 0)

    job, done = Job("tile", double, ()), []
    jobs = Jobs(client, "mark", lambda *given: done.append(given))
    assert not jobs._try_again(job, Lost(), alone=False)
    assert (jobs.suspects, jobs.given_up) == ([job], {})
    assert not jobs._try_again(job, Lost(), alone=True)
    assert jobs.given_up.keys() == {"tile"} and not done
