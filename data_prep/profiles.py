"""Profiles: how many views, epochs and images a run takes (profiles.toml)."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError
from data_prep.views import Grid

FILE = Path(__file__).parent.parent / "profiles.toml"


@dataclass(frozen=True)
class Profile:
    """The counts of one profile; 0 for `batch_size` and `epochs` means what the prototxt says."""

    name: str
    train: dict[int, Grid]  # by label
    test: Grid
    validation_views: int
    test_views: int
    crops: int
    batch_size: int
    epochs: int


def names() -> list[str]:
    """The profiles there are."""
    return list(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read_profile(name: str, dataset_shape: str = "herlev") -> Profile:
    """Read one profile for a Herlev-shaped data set or a manifest."""
    known = tomllib.loads(FILE.read_text(encoding="utf-8"))
    if name not in known:
        raise UserError("--profile", f"one of {', '.join(known)}", name, f"Choose one, or add it to {FILE.name}.")
    values = known[name]
    grids = values[dataset_shape]
    return Profile(
        name=name,
        train={0: Grid(*grids["normal"]), 1: Grid(*grids["abnormal"])},
        test=Grid(*values["test"]),
        **{key: values[key] for key in ("validation_views", "test_views", "crops", "batch_size", "epochs")},
    )
