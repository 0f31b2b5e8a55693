"""The cells with the highest scores, kept while all of them stream by."""

import heapq

from deeppap.screening.cells import ScreenedCell


class Worst:
    """At most `most` cells; of equal scores the first by image, y and x is kept."""

    def __init__(self, most: int):
        self.most, self.heap = most, []
        self.seen = 0

    def add(self, cell: ScreenedCell) -> None:
        """Look at one more cell."""
        self.seen += 1
        entry = (cell.score, _Last((cell.image, cell.y, cell.x)), self.seen, cell)
        if len(self.heap) < self.most:
            heapq.heappush(self.heap, entry)
        elif entry > self.heap[0]:
            heapq.heapreplace(self.heap, entry)

    def cells(self) -> list[ScreenedCell]:
        """The highest score first."""
        return [entry[3] for entry in sorted(self.heap, reverse=True)]


class _Last(tuple):
    """A tuple that sorts the other way round."""

    def __new__(cls, values: tuple):
        return super().__new__(cls, values)

    def __lt__(self, other) -> bool:
        return tuple(self) > tuple(other)

    def __gt__(self, other) -> bool:
        return tuple(self) < tuple(other)
