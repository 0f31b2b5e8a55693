"""The cluster that does the work: this machine's own, or one that somebody has started."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deeppap.cluster.certificate import find_certificate
from deeppap.io.errors import FieldError, one_line
from deeppap.io.machine import extra, usable_cores

if TYPE_CHECKING:
    from distributed import Client, Security

CONFIG = Path(__file__).with_name("dask.yaml")
LOOPBACK = "127.0.0.1"
COMM = "distributed.comm"  # of Dask's own settings, which take precedence
ANSWER = 20  # seconds within which a scheduler must answer
START = "See docs/how-to/slides-on-a-cluster.md: tools/dask.sh scheduler, and tools/dask.sh worker on every node."


def require_dask():
    """The distributed module with our settings, or one clear line."""
    dask, distributed, _ = (
        extra(name, "Dask's workers", "cluster") for name in ("dask", "distributed", "cryptography")
    )
    for settings in dask.config.collect_yaml([str(CONFIG)]):
        dask.config.update_defaults(settings)  # the environment's own settings take precedence
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # we report a lost scheduler ourselves
    return distributed


@contextmanager
def connected(where: str, workers: int | None = None, cards: Sequence[str] = ()) -> Iterator["Client"]:
    """A client of the cluster; a cluster of this machine's own ends with it.

    Everything is encrypted, and both ends show a certificate: whoever can talk to a scheduler or a worker can run any
    program as the user who started it, and on a shared machine every user reaches its ports.

    `where` is "local", an address such as tls://10.0.0.1:8786, or a scheduler file. `workers` are the processes of
    "local", by default one a card if there are `cards` (CUDA_VISIBLE_DEVICES of each), else one a core.

    Raises UserError if Dask is not installed or nobody answers there.
    """
    distributed = require_dask()
    # an ExitStack: the cluster is closed even if the client cannot be made
    if where == "local":
        with ExitStack() as stack:
            try:
                security = distributed.Security.temporary()  # of this call alone, in memory
                own = _own_cluster(workers or len(cards) or usable_cores(), cards, security)
                client = stack.enter_context(distributed.Client(stack.enter_context(own)))
            except Exception as error:  # as many kinds as Dask has settings
                do = "Check Dask's settings: DASK_CONFIG, DASK_ variables, and ~/.config/dask."
                raise FieldError("cluster", "Dask to start here", one_line(error), do) from None
            yield client
        return
    file = Path(where).is_file()
    if not file and ":" not in where:
        raise FieldError("cluster", "local, an address such as tls://host:8786, or a scheduler file", where, START)
    try:
        place = {"scheduler_file" if file else "address": where}
        client = distributed.Client(**place, timeout=ANSWER, security=_shared_security())
    # AssertionError: a file without an address; RuntimeError: an address without encryption
    except (OSError, ValueError, TypeError, AssertionError, RuntimeError) as error:
        found = f"no answer from {where} ({one_line(error)})"
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
    """`work(client)` of the cluster at `where`; `here` without one, and `cards` is not called."""
    if not where:
        yield here
        return
    with connected(where, workers, cards()) as client:
        yield work(client)


def _shared_security() -> "Security | None":
    """What a cluster of tools/dask.sh asks for; None takes Dask's own settings, if they say anything of encryption."""
    from dask import config
    from distributed import Security

    if config.get(f"{COMM}.tls.ca-file") or config.get(f"{COMM}.require-encryption") is False:
        return None
    file = str(find_certificate())
    return Security(require_encryption=True, tls_ca_file=file, tls_client_key=file, tls_client_cert=file)


def _own_cluster(count: int, cards: Sequence[str], security: "Security"):
    """A cluster on the loopback interface: `count` workers of one thread, each with a nanny that restarts it."""
    from distributed import Nanny, Scheduler, SpecCluster

    common = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0", "dashboard": False}
    common |= {"protocol": "tls", "security": security}
    workers = {}
    for number in range(count):
        # the only way to give a process one card: Caffe takes the first that it sees
        environment = {"CUDA_VISIBLE_DEVICES": cards[number % len(cards)]} if cards else {}
        options = {**common, "nthreads": 1, "env": environment, "silence_logs": 50}
        workers[number] = {"cls": Nanny, "options": options}
    scheduler = {"cls": Scheduler, "options": common}
    return SpecCluster(workers=workers, scheduler=scheduler, security=security, silence_logs=50, name="deeppap")
