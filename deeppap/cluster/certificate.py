"""The certificate of the clusters that tools/dask.sh starts: who holds it can run programs there as their owner.

One file holds a key and a certificate that it has signed itself. Scheduler, workers and drivers show it to each other
and accept nothing else. On several machines the folder must be the same one, or a copy.
"""

import os
import time
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.machine import extra

VARIABLE = "DEEPPAP_TLS"  # the folder, if it is not the one in the user's home
FILE = "cluster.pem"
VALID = 300 * 86400  # seconds; Dask's certificates expire after 365 days


def certificate_file() -> Path:
    """Where the certificate lies, whether there is one or not."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".config/deeppap/tls") / FILE


def make_certificate() -> Path:
    """Make the certificate unless there is one that is not too old; only its owner may read the folder.

    UserError if others may enter the folder.
    """
    path = certificate_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_private(path.parent)
    if not path.exists() or time.time() - path.stat().st_mtime > VALID:
        extra("cryptography", "a cluster's certificate", "cluster")
        made = extra("distributed", "a cluster", "cluster").Security.temporary()
        # private before a key is in it
        with complete_or_absent(path) as partial:
            partial.touch(mode=0o600)
            partial.write_text(made.tls_scheduler_key + made.tls_scheduler_cert, encoding="ascii")
    return path


def find_certificate() -> Path:
    """The certificate that a scheduler of this user was started with.

    UserError if there is none, or if others may enter its folder.
    """
    path = certificate_file()
    if not path.is_file():
        do = f"Start the scheduler first, or copy that folder from its machine and name it in {VARIABLE}."
        raise UserError(path, "the certificate of tools/dask.sh scheduler", "none", do)
    _require_private(path.parent)
    return path


def _require_private(folder: Path) -> None:
    facts = folder.stat()
    if facts.st_mode & 0o077 or facts.st_uid != os.getuid():
        found = f"mode {facts.st_mode & 0o777:o}, user {facts.st_uid}"
        raise UserError(folder, "a folder of yours that nobody else may enter", found, f"chmod 700 {folder}")
