"""The arrays of a net that Fig. 6 and 7 show, as the evaluator left them in a fold; and how both draw a panel."""

import zipfile
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from deeppap.io.errors import UserError
from deeppap.report.figures.plan import LeftOutError
from deeppap.scoring.results import RunResult

FILE = "net_figures.npz"


def read_net_arrays(run: RunResult, *names: str) -> dict[str, np.ndarray]:
    """Those of the arrays `names` that the first fold with the file has; nothing is ever unpickled.

    Raises
    ------
    LeftOutError
        Where no fold has the file.
    UserError
        Where it holds anything but plain arrays.
    """
    for fold in run.folds:
        path = fold.folder / FILE
        if path.exists():
            arrays = load_arrays(path)
            return {name: arrays[name] for name in names if name in arrays}
    raise LeftOutError(f"no fold has {FILE}")


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file, by name; nothing is ever unpickled.

    Raises
    ------
    UserError
        Where it holds anything but plain arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        do = "Remove it; the report does without."
        raise UserError(path, "plain arrays", str(error).splitlines()[0][:100], do) from None


def panel(axes: Axes, picture: np.ndarray, title: str, **options) -> None:
    """Show an array pixel for pixel, without axes."""
    axes.imshow(picture, interpolation="nearest", **options)
    axes.set_title(title)
    axes.axis("off")
