"""Where the time of nested steps goes: a step inside another stops the outer one's clock."""

import time
from collections import Counter
from collections.abc import Callable

REST = "rest"


class Stopwatch:
    """Seconds by step, from when it is made; whatever is in no step is the rest."""

    def __init__(self):
        self.seconds: Counter[str] = Counter()
        self.steps, self.last = [REST], time.perf_counter()

    def stop(self) -> dict[str, float]:
        """The seconds up to now."""
        now = time.perf_counter()
        self.seconds[self.steps[-1]] += now - self.last
        self.last = now
        return dict(self.seconds)

    def timed(self, step: str, function: Callable) -> Callable:
        """The function, its time counted as the step's."""

        def run(*args, **options):
            self.stop()
            self.steps.append(step)
            try:
                return function(*args, **options)
            finally:
                self.stop()
                self.steps.pop()

        return run
