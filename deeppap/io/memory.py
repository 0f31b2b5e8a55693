"""How much memory there is for us."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/memory.max")  # of a container: bytes, or "max"


def usable_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or a container's where it has less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = CGROUP.read_text().strip()
    except OSError:
        limit = "max"
    return min(machine, int(limit)) if limit.isdecimal() else machine
