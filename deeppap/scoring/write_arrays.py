"""Writing named arrays into one file."""

from pathlib import Path

import numpy as np

from deeppap.io.files import complete_or_absent


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz, complete or not at all."""
    with complete_or_absent(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
