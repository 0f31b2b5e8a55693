"""learning.html beside train.log: loss, validation and time left, written anew while Caffe trains."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.io.files import write_text
from deeppap.io.html import render
from deeppap.training.caffe_log import LogReader
from deeppap.training.resolve import Schedule

NAME = "learning.html"
EVERY = 2.0  # seconds between two versions of the page, at the least
WIDTH, HEIGHT = 640, 240  # of a plot, in SVG's units
POINTS = 600  # of a curve: a long training has more displays than a screen has columns


class LearningPage:
    """Writes the page of one training.

    A page that cannot be written is left out: the training is worth more.
    """

    def __init__(self, log: Path, schedule: Schedule):
        self.path, self.schedule, self.written = log.parent / NAME, schedule, -math.inf
        self.first: tuple[int, float] | None = None  # iteration and time of the first line that was followed

    def update(self, reader: LogReader, result: str | None = None) -> None:
        """Write the page from what was read of the log; at most every two seconds until there is a result.

        `result` says which weights an ended training keeps.
        """
        now = time.monotonic()
        self.first = self.first or (reader.now, now)
        if result is None and now - self.written < EVERY:
            return
        self.written = now
        with suppress(OSError, UserError):
            write_text(self.path, self._page(reader, result))

    def _page(self, reader: LogReader, result: str | None) -> str:
        record, schedule, left = reader.record(), self.schedule, self._seconds_left(reader.now)
        train = [(i, loss) for i, loss, _ in record.train if math.isfinite(loss)]
        test = [(i, loss) for i, loss, _ in record.test if math.isfinite(loss)]
        top = max((loss for _, loss in (*train, *test)), default=1.0) or 1.0
        losses, iterations = ticks(top), ticks(schedule.max_iter, whole=True)
        if losses[-1] < top:
            losses.append(losses[-1] + losses[1])
        top = losses[-1]
        return render(
            "training/learning.html",
            title=f"Training of {self.path.parent.absolute().parent.name}/{self.path.parent.name}",
            result=result,
            now=reader.now,
            percent=100 * reader.now // schedule.max_iter,
            left=None if left is None else rough(left),
            clock=time.strftime("%H:%M:%S"),
            schedule=schedule,
            loss=train[-1][1] if train else None,
            best=min(test, key=lambda row: row[1], default=None),
            loss_ticks=[(_height(value, top), f"{value:g}") for value in losses],
            share_ticks=[(_height(value, 1.0), f"{value:g}") for value in ticks(1.0)],
            iteration_ticks=[(round(WIDTH * i / schedule.max_iter, 1), f"{i:,.0f}") for i in iterations],
            width=WIDTH,
            height=HEIGHT,
            train=_points(train, schedule.max_iter, top),
            validation=_points(test, schedule.max_iter, top),
            accuracy=_points([(i, accuracy) for i, _, accuracy in record.test], schedule.max_iter, 1.0),
            tests=record.test,
        )

    def _seconds_left(self, now: int) -> float | None:
        """What the iterations that are left take at the mean pace so far, with its validations; None: not known."""
        begun, since = self.first
        if not begun < now < self.schedule.max_iter:
            return None
        return (self.written - since) / (now - begun) * (self.schedule.max_iter - now)


def rough(seconds: float) -> str:
    """A time as a person who waits needs it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _points(rows: Sequence[tuple[int, float]], end: int, top: float) -> list[tuple[float, float]]:
    """Where (iteration, value) lies in a plot from 0 to `end` and from 0 to `top`; every n-th of too many."""
    step = max(1, math.ceil(len(rows) / POINTS))
    return [(round(WIDTH * x / end, 1), _height(y, top)) for x, y in rows[::step]]


def _height(value: float, top: float) -> float:
    """Where a value lies in a plot from 0 to `top`, from its upper edge."""
    return round(HEIGHT * (1 - value / top), 1)


def ticks(top: float, whole: bool = False) -> list[float]:
    """Round numbers from 0 to `top`, four to seven of them where that is possible; `whole` of whole numbers alone."""
    size = 10.0 ** math.floor(math.log10(top))
    step = next(size * one for one in (0.2, 0.25, 0.5, 1, 2) if top < 6.5 * size * one)
    step = max(1, round(step)) if whole else step
    return [round(k * step, 12) for k in range(math.floor(top / step * (1 + 1e-9)) + 1)]
