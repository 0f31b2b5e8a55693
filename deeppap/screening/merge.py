"""All parts of a plan, one after another: seams were resolved when each tile kept only what it owns."""

from collections.abc import Iterator

from deeppap.screening.parts import Part, read_part
from deeppap.screening.plan import Plan
from deeppap.screening.slides.slide import Box


def missing_tiles(plan: Plan, tiles: list[Box]) -> list[Box]:
    """The tiles whose parts are not there yet."""
    return [tile for tile in tiles if not plan.part(tile).exists()]


def parts_of(plan: Plan, tiles: list[Box]) -> Iterator[Part]:
    """The parts in the order of the tiles, one in memory at a time.

    Raises
    ------
    UserError
        For a part that is missing, damaged, or of another image, model or settings.
    """
    for tile in tiles:
        yield read_part(plan.part(tile), plan.key, tile, plan.name)
