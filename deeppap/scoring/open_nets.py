"""The nets that a user names: one trained fold, or all of a release, whose files are checked first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from deeppap.records.release_files import release_folds
from deeppap.records.run_folder import find_fold, is_release
from deeppap.scoring.trained_model import TrainedModel


def open_nets(net: Path, say: Callable[[str], None]) -> list[TrainedModel]:
    """All nets of a release, or the one net of a fold's or a run's folder; which of them it is shows in the folder.

    `say` gets each reason to doubt a net.
    """
    models = open_release(net, say) if is_release(net) else [TrainedModel.open(find_fold(net), say=say)]
    for line in (*of_each(models, "doubt"), *of_each(models, "not_adapted")):
        say(f"!! {line} !!")
    return models


def of_each(models: Sequence[TrainedModel], name: str) -> tuple[str, ...]:
    """The lines that nets have under an attribute's name, with the net's fold where there are several nets."""
    lines = [(model.folder.name, getattr(model, name)) for model in models]
    return tuple(f"{fold}: {line}" if len(models) > 1 else line for fold, line in lines if line)


def open_release(folder: Path, say: Callable[[str], None] = print) -> list[TrainedModel]:
    """The nets of a release, every file of it checked by its sum first; errors as those of `release_folds`."""
    return [TrainedModel.open(path, say=say) for path in release_folds(folder)]
