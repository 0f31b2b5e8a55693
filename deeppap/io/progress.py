"""The progress of long work: a bar on a terminal, a line every half minute in a log."""

import io
import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

EVERY = 30.0  # seconds between lines where there is no terminal; shorter work prints none
LINE = "{desc}: {percentage:.0f} % ({n_fmt} of {total_fmt} {unit}s), {elapsed} so far, {remaining} left"
UNKNOWN = "{desc}: {n_fmt} {unit}s, {elapsed} so far"  # if nobody knows the total


class _Log(io.TextIOBase):
    """Takes what tqdm writes for one line of a terminal, and writes it as lines of its own."""

    last = ""  # a bar that is drawn anew without a step would repeat its line

    def write(self, text: str) -> int:
        line = text.strip("\r\n ")
        if line and line != self.last:
            self.last = line
            print(line, file=sys.stderr, flush=True)
        return len(text)


def progress(
    iterable: Iterable | None = None, desc: str = "", total: float | None = None, unit: str = "it", **options: Any
) -> tqdm:
    """A `tqdm` with the same arguments, for people and for logs."""
    if sys.stderr.isatty():
        return tqdm(iterable, desc, total, unit=unit, **options)
    options.pop("leave", None)
    known = total is not None or hasattr(iterable, "__len__")
    # looked at after each step alone: tqdm's own thread would print the same line twice
    log = {"file": _Log(), "delay": EVERY, "mininterval": EVERY, "maxinterval": 1e9, "miniters": 1}
    return tqdm(iterable, desc, total, unit=unit, **options, **log, bar_format=LINE if known else UNKNOWN)
