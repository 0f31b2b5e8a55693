"""Several data sets as one: ids and groups keep their set's name, and the cells one pixel size."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from data_prep.cells import Cell, Dataset

SEPARATOR = ":"  # between the name of a set and an id or a group


def together(sets: Sequence[Dataset]) -> Dataset:
    """The cells of several sets, seen at the pixel size of the first.

    Two sets of one name are told apart by a number.

    Raises UserError if a set states its pixel size and another does not.
    """
    pixel_um = next((one.pixel_um for one in sets if one.pixel_um is not None), None)
    names = _names(sets)
    pairs = list(zip(names, sets, strict=True))
    return Dataset(
        name="+".join(names),
        root=sets[0].root,
        cells=tuple(_named(cell, name) for name, one in pairs for cell in one.cells),
        pixel_um=pixel_um,
        masks={f"{name}{SEPARATOR}{cell}": mask for name, one in pairs for cell, mask in one.masks.items()},
        phantom=any(one.phantom for one in sets),
        own=sets[0].own,
        left_out=sum((Counter(one.left_out) for one in sets), Counter()),
        set_names=tuple(names),
    ).seen_at(pixel_um)


def _names(sets: Sequence[Dataset]) -> list[str]:
    """A name for each set, none twice."""
    names, seen = [], Counter()
    for one in sets:
        name = one.name.replace(SEPARATOR, "-")
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def _named(cell: Cell, name: str) -> Cell:
    group = None if cell.group is None else f"{name}{SEPARATOR}{cell.group}"
    return replace(cell, id=f"{name}{SEPARATOR}{cell.id}", group=group, set_name=name)
