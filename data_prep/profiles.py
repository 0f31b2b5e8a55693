"""Profiles: how many views, epochs and images a run takes (profiles.toml)."""

import math
import tomllib
from dataclasses import dataclass

from data_prep.views import Grid
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import FieldError, UserError

FILE = ROOT / "profiles.toml"
VIEW_PLANS = ("unbalanced", "balanced")
AGAIN = "Remove the run folder and build it again."


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
    adapt_iterations: int = 0  # both likewise, of the net and the solver in prototxt/adapt
    adapt_batch: int = 0
    least_iterations: int = 0  # of a training; a small set gets more views until it has them
    balance: bool = False  # whether the smaller class gets more views until both have as many


def names() -> list[str]:
    """The profiles there are."""
    return list(tomllib.loads(FILE.read_text(encoding="utf-8")))


def read_profile(name: str, view_plan: str = "unbalanced") -> Profile:
    """Read one profile, with the training views of a data set's view plan.

    Raises
    ------
    UserError
        For a profile or plan that is not there, and for rotations that would tell the classes apart.
    """
    known = tomllib.loads(FILE.read_text(encoding="utf-8"))
    if name not in known:
        raise FieldError("profile", f"one of {', '.join(known)}", name, f"Choose one, or add it to {FILE.name}.")
    values = known[name]
    if view_plan not in VIEW_PLANS:
        raise UserError("the data set's view plan", f"one of {', '.join(VIEW_PLANS)}", repr(view_plan)[:60], AGAIN)
    grids = values[view_plan]
    train = {0: Grid(*grids["normal"]), 1: Grid(*grids["abnormal"])}
    _require_same_angles(f"{FILE.name}, {name}.{view_plan}", train[0], train[1])
    adapting = values.get("adapting", {})
    return Profile(
        name=name,
        adapt_iterations=adapting.get("iterations", 0),
        adapt_batch=adapting.get("batch_size", 0),
        train=train,
        test=Grid(*values["test"]),
        **{key: values[key] for key in ("validation_views", "test_views", "crops", "batch_size", "epochs")},
        least_iterations=values.get("least_iterations", 0),
        balance=view_plan == "balanced" and values.get("balance", True),
    )


def _require_same_angles(where: str, normal: Grid, abnormal: Grid) -> None:
    """Refuse grids that differ modulo 90 degrees: a view's resampling shows its angle, the net would learn that."""
    # n rotations stand, modulo a right angle, at the multiples of 360 / lcm(n, 4) degrees, each as often
    steps = [math.lcm(grid.rotations, 4) // 4 for grid in (normal, abnormal)]
    if steps[0] != steps[1]:
        raise UserError(
            where,
            "rotations of both classes at the same angles modulo 90 degrees, or the net learns the angle",
            f"{normal.rotations} of normal cells ({steps[0]} angles) and {abnormal.rotations} of abnormal ({steps[1]})",
            "Choose numbers with the same least common multiple with 4, such as 20 and 10, or 3 and 3.",
        )
