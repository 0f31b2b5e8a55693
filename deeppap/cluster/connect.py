"""The cluster that --cluster names: this machine's own, or one that somebody has started."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deeppap.io.cores import usable_cores
from deeppap.io.errors import UserError
from deeppap.io.extras import extra
from deeppap.io.files import read_json

if TYPE_CHECKING:
    from distributed import Client

CONFIG = Path(__file__).with_name("dask.yaml")
LOOPBACK = "127.0.0.1"
ANSWER = 20  # seconds within which a scheduler must answer
START = "See docs/cluster.md: tools/dask.sh scheduler, and tools/dask.sh worker on every node."


def require_dask():
    """The distributed module with our settings, or one clear line."""
    dask, distributed = extra("dask", "--cluster", "cluster"), extra("distributed", "--cluster", "cluster")
    for settings in dask.config.collect_yaml([str(CONFIG)]):
        dask.config.update_defaults(settings)  # below what the environment says
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it says of a lost scheduler, we say
    return distributed


@contextmanager
def connected(where: str, workers: int | None = None, cards: Sequence[str] = ()) -> Iterator["Client"]:
    """A client of the cluster; one of this machine's own ends with it.

    Parameters
    ----------
    where : str
        "local", an address such as tcp://10.0.0.1:8786, or a scheduler file.
    workers : int, optional
        Of "local": processes; one a card where there are `cards`, else one a core.
    cards : sequence of str
        What CUDA_VISIBLE_DEVICES is to be for each worker of "local".

    Raises
    ------
    UserError
        If Dask is not installed or nobody answers there.
    """
    distributed = require_dask()
    if where == "local":
        count = workers or len(cards) or usable_cores()
        with own_cluster(count, cards) as cluster, distributed.Client(cluster) as client:
            yield client
        return
    try:
        client = distributed.Client(_address(where), timeout=ANSWER)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without a certificate
        found = f"no answer ({type(error).__name__}: {error})"[:200]
        raise UserError(f"--cluster {where}", "Dask's scheduler", found, START) from None
    with client:
        yield client


@contextmanager
def on_cluster(
    where: str | None,
    work: Callable,
    here: Callable | None = None,
    workers: int | None = None,
    cards: Callable[[], Sequence[str]] = tuple,
) -> Iterator[Callable | None]:
    """`work(client)` of the cluster named by --cluster, or `here` where none is, and `cards` then not asked for."""
    if not where:
        yield here
        return
    with connected(where, workers, cards()) as client:
        yield work(client)


def _address(where: str) -> str:
    if "://" not in where and (Path(where).is_file() or where.endswith(".json")):
        record = read_json(Path(where), "tools/dask.sh scheduler")
        if not isinstance(record, dict) or not isinstance(record.get("address"), str):
            raise UserError(where, "a scheduler file", "no address in it", START)
        return record["address"]
    if ":" not in where:
        raise UserError("--cluster", "local, an address such as tcp://host:8786, or a scheduler file", where, START)
    return where


def own_cluster(count: int, cards: Sequence[str] = ()):
    """A cluster of this machine's own on the loopback interface: `count` workers of one thread, each with a nanny."""
    from distributed import Nanny, Scheduler, SpecCluster

    workers = {}
    for number in range(count):
        own = {"CUDA_VISIBLE_DEVICES": cards[number % len(cards)]} if cards else {}
        options = {"nthreads": 1, "host": LOOPBACK, "env": own, "silence_logs": 50, "dashboard": False}
        options["dashboard_address"] = f"{LOOPBACK}:0"
        workers[number] = {"cls": Nanny, "options": options}
    options = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0", "dashboard": False}
    return SpecCluster(
        workers=workers, scheduler={"cls": Scheduler, "options": options}, silence_logs=50, name="deeppap"
    )
