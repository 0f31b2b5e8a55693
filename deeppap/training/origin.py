"""What a snapshot says of the data it was trained on: Caffe writes the net, with its data layer's source, into it."""

from pathlib import Path

from google.protobuf.message import Message

from deeppap.io.caffe_messages import read_binary
from deeppap.records.current_fold import CURRENT, was_current

TRAIN_LMDB = "train_lmdb"


def sources_of(net: Message) -> list[str]:
    """The LMDBs that the data layers of a trained net read."""
    return [layer.data_param.source for layer in net.layer if layer.type == "Data"]


def foreign(model: Path, fold: Path, by_hand: bool = True) -> str | None:
    """Why a .caffemodel in a fold's snapshots cannot be said to be that fold's; None where it can.

    tools/train.py trains from the fold's own path. The hand-written prototxt reads data/fold: whose data that were
    follows from the record of the link, by the time when the snapshot was written; `by_hand` accepts such a one.
    """
    sources = sources_of(read_binary(model, "NetParameter", "Remove it."))
    if not sources:
        return "one that does not say what it was trained on"
    home = fold.resolve()
    for source in map(Path, sources):
        if source == CURRENT / TRAIN_LMDB:
            if not by_hand:
                return f"one that caffe train was started by hand for, on {source}"
            if not was_current(fold, model.stat().st_mtime):
                return f"one trained on {source}, written while {CURRENT} did not point to this fold"
        elif source.parts[-3:] != (home.parent.name, home.name, TRAIN_LMDB):
            return f"one trained on {source}"
    return None
