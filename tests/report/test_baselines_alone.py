"""The table of tools/baselines.py: every figure with its interval, by group where the cells have groups."""

from dataclasses import replace
from pathlib import Path

from data_prep.cells import Cell, Dataset
from deeppap.report.tables.baselines_alone import baselines_alone_table
from deeppap.report.tables.ranges import BY_CELL, BY_GROUP
from deeppap.stats.baselines import all_baselines
from deeppap.stats.intervals import interval
from deeppap.stats.resampling import wilson


def made(grouped=True):
    cells = [
        Cell(f"{i:02d}-1", Path("none"), i % 2, None, (0.0, 0.0), str(i // 4) if grouped else None) for i in range(40)
    ]
    dataset = Dataset("made", Path("none"), tuple(cells), ("normal", "abnormal"))
    folds = [[c.id for c in cells[k::5]] for k in range(5)]
    areas = {c.id: 100 + 60 * c.label + 7 * (i * 31 % 17) for i, c in enumerate(cells)}
    return dataset, all_baselines(dataset, {"folds": folds}, areas)


def test_every_figure_has_its_interval():
    dataset, found = made()
    table = baselines_alone_table(dataset, found, "cell")
    (area,) = [row for row in table.rows if row[0].startswith("nucleus area")]
    cells, chances = dataset.by_id(), found["nucleus_area"]["chances"]
    truth, groups = ([getattr(cells[name], field) for name in chances] for field in ("label", "group"))
    two = found["nucleus_area"]["two_class"]
    for column, name, digits in ((1, "acc", None), (2, "sens", None), (3, "spec", None), (4, "auc", 3)):
        low, high = interval(truth, list(chances.values()), name, groups)
        text = [f"{v:.3f}" if digits else f"{100 * v:.1f}" for v in (two[name], low, high)]
        assert area[column] == f"{text[0]} ({text[1]}-{text[2]})"
    assert BY_GROUP in table.notes
    assert [row[4] for row in table.rows if "no pixels" in row[0]] == [None, None]  # answers and no chances


def test_without_groups_it_is_wilsons():
    dataset, found = made(grouped=False)
    table = baselines_alone_table(dataset, found, "cell")
    (area,) = [row for row in table.rows if row[0].startswith("nucleus area")]
    right = round(40 * found["nucleus_area"]["two_class"]["acc"])
    low, high = wilson(right, 40)
    assert area[1] == f"{100 * right / 40:.1f} ({100 * low:.1f}-{100 * high:.1f})"
    assert BY_CELL in table.notes
    mixed = replace(dataset, cells=(replace(dataset.cells[0], group="a"), *dataset.cells[1:]))
    assert BY_CELL in baselines_alone_table(mixed, found, "cell").notes
