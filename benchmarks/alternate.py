"""Measuring several things in turn, so that what else the machine does meets all of them alike."""

import time
from collections.abc import Callable, Mapping

from tqdm import tqdm

Task = Callable[[], float]  # does its work once and returns the seconds it took


def timed(work: Callable[[], object]) -> Task:
    """A task that is nothing but this work."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return run


def alternate(tasks: Mapping[str, Task], rounds: int, title: str) -> dict[str, list[float]]:
    """Seconds of every task in every round.

    Each runs once unmeasured first. The rounds go through the tasks forwards and backwards by turns, so that none is
    always the one after another.
    """
    names = list(tasks)
    for name in names:
        tasks[name]()
    seconds = {name: [] for name in names}
    with tqdm(total=rounds * len(names), desc=title, unit="run", disable=None) as bar:
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                seconds[name].append(tasks[name]())
                bar.update()
    return seconds


def ratios(over: list[float], under: list[float]) -> list[float]:
    """The ratio of two tasks' seconds, round by round."""
    return [a / b for a, b in zip(over, under, strict=True)]
