"""Waiting for what another process does."""

import time
from collections.abc import Callable

PATIENCE = 600  # seconds, on a machine that does much else


def wait_until(true: Callable[[], object], what: str, seconds: float = PATIENCE, step: float = 0.01) -> None:
    """Look every `step` seconds whether something is true, and fail with `what` once there is no patience left."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"waited {seconds} s for {what}"
        time.sleep(step)
