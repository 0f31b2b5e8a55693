"""Reading the log that `caffe train` writes."""

import re
from dataclasses import dataclass, field
from pathlib import Path

NUMBER = r"(-?nan|-?inf|[-+0-9.eE]+)"
TRAIN = re.compile(rf"Iteration (\d{{1,12}}) \(.*\), loss = {NUMBER}")
RATE = re.compile(rf"Iteration (\d{{1,12}}), lr = {NUMBER}")
TESTING = re.compile(r"Iteration (\d{1,12}), Testing net")
OUTPUT = re.compile(rf"Test net output #\d+: (\w+) = {NUMBER}")


@dataclass
class LogRecord:
    """What a log says: `train` rows (iteration, loss, lr), `test` rows (iteration, loss, accuracy)."""

    train: list[tuple[int, float, float]] = field(default_factory=list)
    test: list[tuple[int, float, float]] = field(default_factory=list)


class LogReader:
    """Takes a log line by line; what a resumed run says of an iteration replaces what was said before."""

    def __init__(self, path: Path | None = None):
        """With a path, begin with what that log has."""
        self.loss: dict[int, float] = {}
        self.rate: dict[int, float] = {}
        self.outputs: dict[int, dict[str, float]] = {}
        self.testing: int | None = None
        self.now = 0  # iteration of the newest line: a resumed training goes back to its snapshot
        if path:
            with path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    self.feed(line)

    def feed(self, line: str) -> tuple[str, int] | None:
        """Take one line; returns ("train" | "test", iteration) if it brought something new."""
        if match := TESTING.search(line):
            self.testing = self.now = int(match[1])
            self.outputs[self.testing] = {}
            return None
        # Caffe prints loss and rate on lines of their own; a row needs both
        for kind, pattern, table in (("train", TRAIN, self.loss), ("rate", RATE, self.rate)):
            if match := pattern.search(line):
                value = _number(match[2])
                if value is None:
                    return None
                table[int(match[1])] = value
                self.now = int(match[1])
                # Caffe prints the rate after the loss of the same iteration
                return (kind, int(match[1])) if kind == "train" else None
        match = OUTPUT.search(line)
        if match is None or self.testing is None or (value := _number(match[2])) is None:
            return None
        self.outputs[self.testing][match[1]] = value
        return "test", self.testing

    def record(self) -> LogRecord:
        """All that was read so far, by iteration; a test that was cut short is left out."""
        train = [(i, loss, self.rate.get(i, float("nan"))) for i, loss in sorted(self.loss.items())]
        whole = {i: o for i, o in sorted(self.outputs.items()) if {"loss", "accuracy"} <= o.keys()}
        return LogRecord(train, [(i, o["loss"], o["accuracy"]) for i, o in whole.items()])


def _number(text: str) -> float | None:
    # a killed process may leave half a number, such as "1.2e"
    try:
        return float(text)
    except ValueError:
        return None


def parse(path: Path) -> LogRecord:
    """Parse a log file, whatever else is in it."""
    return LogReader(path).record()
