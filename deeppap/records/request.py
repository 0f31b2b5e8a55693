"""What a user asks of a run: the one list of its options, and what follows from them."""

from dataclasses import dataclass

SELECTIONS = ("paper", "last", "inner")
CONTROLS = ("shuffle",)
BY_PROTOCOL = {"field": "inner"}  # what is selected by where nobody says; elsewhere as in the paper
CAVEAT = "snapshot chosen by its loss on the very fold that is reported (--select paper): no honest test of new fields"


@dataclass(frozen=True)
class Request:
    """A run's options; all but `data` stand in its record as they were asked for.

    `select` left out (None) becomes the protocol's own: inner under field, else paper; one that is given is kept.
    """

    data: str | None = None
    profile: str = "paper"
    protocol: str = "cell"
    select: str | None = None
    classes: int = 2
    control: str | None = None
    encoding: str = "raw"
    seed: int = 1
    allow_partial: bool = False
    engine: str = "caffe"
    precision: str = "float32"

    def __post_init__(self):
        if self.select is None:
            object.__setattr__(self, "select", BY_PROTOCOL.get(self.protocol, "paper"))


CLASSIFY_VIEWS = 100  # of each cell, where tools/classify.py is not told how many


def selection_caveat(protocol: str, select: str | None) -> str:
    """What must be said of the choice of a run's snapshots; "" where there is nothing beyond the paper's own."""
    return CAVEAT if (protocol, select) == ("field", "paper") else ""
