"""What a user asks of a run: the options that every run has, and what follows from them."""

from typing import Literal

import msgspec

PROTOCOLS = ("cell", "field")
SELECTIONS = ("paper", "last", "inner")
CONTROLS = ("shuffle",)
ENCODINGS = ("raw", "png")
BY_PROTOCOL = {"field": "inner"}  # the default of select; for other protocols it is the paper's
CAVEAT = "snapshot chosen by its loss on the very fold that is reported (--select paper): no honest test of new fields"
CLASSIFY_VIEWS = 100  # views of a cell in tools/classify.py by default


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a run, as they were asked for.

    Attributes
    ----------
    profile : str
        Name of a table in profiles.toml: numbers of views, epochs and images.
    protocol : str
        "cell" (the paper's folds) or "field" (all cells of a field in one fold); "external" for a set that the net
        was not trained on.
    select : str
        Which snapshot is scored (paper: "Network training"). None becomes the protocol's default.
    classes : int
        Outputs of the net: 2, or 7 (paper: Table 1).
    control : str or None
        "shuffle": training labels are shuffled, so that the net must learn nothing.
    encoding : str
        How views are kept in an LMDB: "raw" or "png".
    seed : int
        Of the split, the views and Caffe.
    allow_partial : bool
        Whether a Herlev folder may lack cells.
    engine, precision : str
        What scores the cells. Training is always Caffe's, in float32.
    """

    profile: str = "paper"
    protocol: str = "cell"
    select: Literal["paper", "last", "inner"] | None = None
    classes: Literal[2, 7] = 2
    control: Literal["shuffle"] | None = None
    encoding: Literal["raw", "png"] = "raw"
    seed: int = 1
    allow_partial: bool = False
    engine: str = "caffe"
    precision: str = "float32"

    def __post_init__(self):
        if self.select is None:
            msgspec.structs.force_setattr(self, "select", BY_PROTOCOL.get(self.protocol, "paper"))

    @property
    def selection_caveat(self) -> str:
        """What must be said of the choice of snapshots; "" where it is as in the paper."""
        return CAVEAT if (self.protocol, self.select) == ("field", "paper") else ""


class Request(Options, frozen=True, kw_only=True):
    """A run's options and its data set: a path, or None for the default one."""

    data: str | None = None
