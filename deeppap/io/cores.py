"""How many processor cores there are for us, and how many threads compute."""

import os


def usable_cores() -> int:
    """Cores that this process may use: a container or taskset may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def wanted_threads() -> int:
    """Threads to compute with: OMP_NUM_THREADS, as Caffe takes it, else one a core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else usable_cores()
