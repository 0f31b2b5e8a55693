"""What a user asks of a run: the options that every run has, and what follows from them."""

from typing import Literal

import msgspec

PROTOCOLS = ("cell", "field")
SELECTIONS = ("paper", "last", "inner")
CONTROLS = ("shuffle",)
ENCODINGS = ("raw", "png")
CLASSES = (2, 7, "own")
BY_PROTOCOL = {"field": "inner"}  # the default of select; for other protocols it is the paper's
CAVEAT = "the snapshot was chosen by its loss on the reported fold (select paper): no independent test of new fields"
CLASSIFY_VIEWS = 100  # views of a cell in tools/classify.py by default


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a run, as they were asked for."""

    profile: str = "paper"  # a table in profiles.toml: numbers of views, epochs and images
    # the paper's folds, or all cells of a field in one fold; "external" for a set that the net was not trained on
    protocol: str = "cell"
    select: Literal["paper", "last", "inner"] | None = None  # which snapshot is scored; None: the protocol's default
    # outputs of the net: normal and abnormal, Herlev's seven (paper: Table 1), or one for each class of the data
    classes: Literal[2, 7, "own"] = 2
    control: Literal["shuffle"] | None = None  # training labels are shuffled, so that the net must learn nothing
    encoding: Literal["raw", "png"] = "raw"  # of views in an LMDB
    seed: int = 1  # of the split, the views and Caffe
    allow_partial: bool = False  # whether a Herlev folder may lack cells
    # what scores the cells; training is always Caffe's, in float32
    engine: str = "caffe"
    precision: str = "float32"

    def __post_init__(self):
        if self.select is None:
            msgspec.structs.force_setattr(self, "select", BY_PROTOCOL.get(self.protocol, "paper"))

    @property
    def selection_caveat(self) -> str:
        """What must be said of the choice of snapshots; "" if it is as in the paper."""
        return CAVEAT if (self.protocol, self.select) == ("field", "paper") else ""


class Request(Options, frozen=True, kw_only=True):
    """A run's options and its data: paths of sets, or None for the default one.

    `pixel_um` is the side of a pixel in micrometres at which the net sees the cells; None is the first set's own.
    """

    data: tuple[str, ...] | None = None
    pixel_um: float | None = None
