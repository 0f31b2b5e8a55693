"""The cluster that --cluster names: this machine's own, or one that somebody has started."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deeppap.io.errors import FieldError
from deeppap.io.machine import extra, usable_cores

if TYPE_CHECKING:
    from distributed import Client

CONFIG = Path(__file__).with_name("dask.yaml")
LOOPBACK = "127.0.0.1"
ANSWER = 20  # seconds within which a scheduler must answer
START = "See docs/how-to/slides-on-a-cluster.md: tools/dask.sh scheduler, and tools/dask.sh worker on every node."


def require_dask():
    """The distributed module with our settings, or one clear line."""
    dask, distributed = extra("dask", "--cluster", "cluster"), extra("distributed", "--cluster", "cluster")
    for settings in dask.config.collect_yaml([str(CONFIG)]):
        dask.config.update_defaults(settings)  # the environment's own settings take precedence
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # we report a lost scheduler ourselves
    return distributed


@contextmanager
def connected(where: str, workers: int | None = None, cards: Sequence[str] = ()) -> Iterator["Client"]:
    """A client of the cluster; a cluster of this machine's own ends with it.

    Parameters
    ----------
    where : str
        "local", an address such as tcp://10.0.0.1:8786, or a scheduler file.
    workers : int, optional
        Processes of "local"; by default one a card if there are `cards`, else one a core.
    cards : sequence of str
        CUDA_VISIBLE_DEVICES of each worker of "local".

    Raises
    ------
    UserError
        If Dask is not installed or nobody answers there.
    """
    distributed = require_dask()
    if where == "local":
        count = workers or len(cards) or usable_cores()
        with _own_cluster(count, cards) as cluster, distributed.Client(cluster) as client:
            yield client
        return
    file = Path(where).is_file()
    if not file and ":" not in where:
        raise FieldError("cluster", "local, an address such as tcp://host:8786, or a scheduler file", where, START)
    try:
        client = distributed.Client(**{"scheduler_file" if file else "address": where}, timeout=ANSWER)
    # TypeError: tls:// without a certificate; AssertionError: a file without an address
    except (OSError, ValueError, TypeError, AssertionError) as error:
        found = f"no answer from {where} ({type(error).__name__}: {error})"[:200]
        raise FieldError("cluster", "Dask's scheduler", found, START) from None
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
    """`work(client)` of the cluster that --cluster names; `here` without --cluster, and `cards` is not called."""
    if not where:
        yield here
        return
    with connected(where, workers, cards()) as client:
        yield work(client)


def _own_cluster(count: int, cards: Sequence[str] = ()):
    """A cluster on the loopback interface: `count` workers of one thread, each with a nanny that restarts it."""
    from distributed import Nanny, Scheduler, SpecCluster

    common = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0", "dashboard": False}
    workers = {}
    for number in range(count):
        environment = {"CUDA_VISIBLE_DEVICES": cards[number % len(cards)]} if cards else {}
        options = {**common, "nthreads": 1, "env": environment, "silence_logs": 50}
        workers[number] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": common}
    return SpecCluster(workers=workers, scheduler=scheduler, silence_logs=50, name="deeppap")
