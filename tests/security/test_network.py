"""Who may talk to a cluster: nobody without the certificate of this very call, or of this user's scheduler."""

import asyncio
import os
import stat
import subprocess
from contextlib import suppress

import pytest

pytest.importorskip("distributed", reason="make cluster")

import psutil
from distributed import Client, Security

from deeppap.cluster.certificate import FILE, find_certificate, make_certificate
from deeppap.cluster.connect import connected, require_dask
from deeppap.io.errors import UserError
from tests.support.checkout import ROOT
from tests.support.dask_cluster import DaskCluster
from tests.support.waiting import wait_until

NEEDED = ("tls_ca_file", "tls_client_key", "tls_client_cert")


def listening(process):
    """The addresses that a process and its children listen at."""
    everyone = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    found = []
    for one in everyone:
        with suppress(psutil.NoSuchProcess):
            found += [c.laddr.ip for c in one.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return found


def answers(address, **security):
    """Whether a stranger gets anything from a scheduler or a worker."""

    async def ask():
        async with Client(address, timeout=2, asynchronous=True, security=Security(**security)) as client:
            await client.run_on_scheduler(os.getpid)

    try:
        asyncio.run(ask())
    except (OSError, RuntimeError, TypeError, ValueError):
        return False
    return True


def strangers(address):
    """Ways to come without the certificate: in clear, and with one of one's own."""
    yield address.replace("tls://", "tcp://"), {}
    own = Security.temporary()
    yield address, {name: getattr(own, name) for name in NEEDED}


def test_a_cluster_of_this_machine_answers_its_own_call_alone():
    require_dask()
    with connected("local", 1) as client:
        addresses = [client.scheduler.address, *client.nthreads()]
        assert client.submit(os.getpid).result(30) != os.getpid()
        assert len(addresses) == 2 and all(address.startswith("tls://127.0.0.1:") for address in addresses)
        found = listening(os.getpid())
        assert len(found) >= 3 and set(found) == {"127.0.0.1"}  # the certificate is the second guard, not the only one
        assert not any(answers(*way[:1], **way[1]) for address in addresses for way in strangers(address))


def test_a_scheduler_of_dask_sh_answers_holders_of_its_certificate_alone(tmp_path):
    require_dask()
    cluster = DaskCluster(tmp_path)
    try:
        node = cluster.node()
        wait_until(cluster.registered, "the node")
        for process in (cluster.scheduler, node):
            found = listening(process.pid)
            assert found and set(found) == {"127.0.0.1"}
        with connected(str(cluster.file)) as client:
            address = client.scheduler.address
            assert client.submit(os.getpid).result(30)
        assert not any(answers(*way[:1], **way[1]) for way in strangers(address))
        private = tmp_path / "tls"
        assert answers(address, **dict.fromkeys(NEEDED, str(private / FILE)))
        assert [stat.S_IMODE(path.stat().st_mode) for path in (private, private / FILE)] == [0o700, 0o600]
    finally:
        cluster.close()


def test_a_certificate_that_others_can_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPPAP_TLS", str(tmp_path / "tls"))
    with pytest.raises(UserError, match="found none"):
        find_certificate()
    made = make_certificate()
    assert make_certificate() == made == find_certificate()
    before = made.read_bytes()
    os.utime(made, (0, 0))
    make_certificate()
    assert made.read_bytes() != before, "one that has expired was kept"
    made.parent.chmod(0o755)
    for ask in (find_certificate, make_certificate):
        with pytest.raises(UserError, match="nobody else may enter"):
            ask()
    done = subprocess.run([ROOT / "tools/dask.sh", "worker", "x.json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("dask.sh: ") and done.stderr.count("\n") == 1
