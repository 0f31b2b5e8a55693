"""Tables of the same cells under several methods: adapted nets, other runs, and baselines without a net; set by set."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from data_prep.cells import Dataset
from data_prep.classes import CellClass
from data_prep.dataset import SEPARATOR
from deeppap.report.runs import BY_CELL, BY_GROUP, Run, common_cells, interval_notes, table_notes, table_of_runs
from deeppap.report.table import Rows, Table, gain_text, metric_interval
from deeppap.report.tables.performance import COLUMNS
from deeppap.stats.baselines import answers_of, judged_baseline, judged_net
from deeppap.stats.compare import compare, gain
from deeppap.stats.intervals import Interval, interval
from deeppap.stats.metrics import METRICS, binary_metrics, percent

TESTS = ["cells", "groups", "right: first only", "second only", "P", "AUC first", "second", "first less second", "95 %"]
TESTS += ["P (AUC)"]
TEST_NOTES = (
    "P: exact sign-flip test of cells that one side alone has right, groups kept whole; without groups it is McNemar's",
    "P (AUC): DeLong, with Obuchowski's variance for groups; two-sided, not adjusted for several comparisons",
    "the tests do not account for differences between trainings of the same net",
)
BASELINES = {
    "majority": "most common class",
    "file_name": "nearest file name, all numbers",
    "first_number": "nearest file name, first number",
    "nucleus_area": "nucleus area",
    "background_colour": "colour outside the nucleus",
    "picture_size": "width and height of the image",
}
FILE_NAME = (
    "nearest file name: a test cell gets the label of the training cell whose file name has the nearest number, and no "
    "pixel is read. If that is right for 100 %, the files are numbered class by class; the net never sees a name"
)
MODELS = "nucleus area: a logistic regression; colour and size of the image: random forests"
# what tells a set apart without its cells: where it tells the label too, the net may have learned that
LOOKS = {"background_colour": "AUC: colour alone", "picture_size": "image size alone", "nucleus_area": "nucleus alone"}
BASELINE_COLUMNS = ["method", "Acc (%)", "Sens (%)", "Spec (%)", "AUC", "class Acc (%)"]
BEFORE, ADAPTED, OTHER = "the source net as it is", "adapted", ""


class Net(NamedTuple):
    """One run's net on cells that others have scored too: its metrics and their intervals."""

    label: str
    kind: str
    values: dict[str, float | None]
    limits: dict[str, Interval]


class Adapting(NamedTuple):
    """An adapted run beside the others: `nets` has it last, `gains` by how much it is better than each of them."""

    cells: int
    groups: int | None
    nets: list[Net]
    gains: dict[str, dict[str, tuple[float, Interval] | None]]


def adapted_runs(runs: Sequence[Run]) -> list[Adapting]:
    """Each adapted run with all others that have scored cells of its; none without such others."""
    found = []
    for run in runs:
        if not _is_adapted(run):
            continue
        # a run of other cells must not empty the cells in common
        others = [other for other in runs if other is not run and common_cells([run.result, other.result])]
        # the adapted run comes last: gains are those of the last over each other
        members = [*others, run]
        cells = common_cells([member.result for member in members]) if others else None
        if cells is None:
            continue
        labels, scores, groups = cells
        nets = []
        for member, own in zip(members, scores, strict=True):
            limits = {metric: interval(labels, own, metric, groups) for metric in METRICS}
            nets.append(Net(member.label, _kind(member, run), binary_metrics(labels, own), limits))
        gains = {}
        for net, own in zip(nets[:-1], scores[:-1], strict=True):
            gains[net.label] = {metric: gain(labels, own, scores[-1], metric, groups) for metric in METRICS}
        found.append(Adapting(len(labels), None if groups is None else len(set(groups)), nets, gains))
    return found


def _is_adapted(run: Run) -> bool:
    return bool(run.folds) and all(fold.source for fold in run.folds)


def _kind(run: Run, adapted: Run) -> str:
    """What a run is to the adapted one: the same, its source as it was, or another."""
    if _is_adapted(run):
        return ADAPTED
    sources = {fold.source.weights_sha for fold in adapted.folds}
    # an external validation by the very net that the adapted one started from
    return BEFORE if set(run.record.net_shas) == sources else OTHER


def adapting(runs: Sequence[Run]) -> Table | None:
    """A row for each net, then one for each gain of the adapted net; None without an adapted run beside another."""
    rows, data = [], {}
    for found in adapted_runs(runs):
        adapted = found.nets[-1].label
        for net in found.nets:
            values = [metric_interval(metric, net.values[metric], net.limits[metric]) for metric in METRICS]
            rows.append([f"{net.label} ({net.kind})" if net.kind else net.label, found.cells, *values])
        for other, gains in found.gains.items():
            rows.append([f"{adapted}: gain over {other}", found.cells, *[gain_text(m, gains[m]) for m in METRICS]])
        nets = {net.label: {"kind": net.kind, "values": net.values, "interval": net.limits} for net in found.nets}
        data[adapted] = {"cells": found.cells, "groups": found.groups, "nets": nets, "gains": found.gains}
    notes = [
        "95 % intervals in brackets: whole groups resampled, if known; gains are paired, over the same resamples",
        "gains in percentage points, of the AUC as such; an interval that holds 0 shows no difference",
        "no interval accounts for differences between trainings of the same net",
    ]
    title = "Adapting a trained net: before and after, on the same cells"
    return Table("adapting", title, COLUMNS, rows, notes, table_notes(runs), {"runs": data}) if rows else None


def comparison(runs: Sequence[Run]) -> Table | None:
    """One row for every two runs of one data set; None if no two have scored the same cells."""
    rows, data = [], {}
    # by pairs: the cells that all runs share may be few, or none
    for first, second in combinations(runs, 2):
        cells = common_cells([first.result, second.result])
        if cells is not None:
            label = f"{first.label} | {second.label}"
            data[label] = compare(cells.labels, *cells.scores, cells.groups)
            rows.append([label, *tested(data[label])])
    if not rows:
        return None
    title, of_runs = "Runs compared on the same cells", table_notes([run for run in runs if run.folds])
    return Table("comparison", title, ["runs", *TESTS], rows, list(TEST_NOTES), of_runs, {"runs": data})


def tested(found: Mapping[str, Any]) -> list:
    """What `compare` found, as the columns TESTS."""
    counts = [found["cells"], found["groups"], found["only_first"], found["only_second"], chance(found["p_right"])]
    if found["auc"] is None:
        return [*counts, None, None, None, None, None]
    limits = found["interval"]
    if isinstance(limits, tuple):
        limits = " to ".join(f"{limit:+.4f}" for limit in limits)
    areas = [f"{value:.4f}" for value in found["auc"]]
    return [*counts, *areas, f"{found['difference']:+.4f}", limits, chance(found["p_auc"])]


def chance(value: float | None) -> str | None:
    """A P as text: three decimals, or that it is below one in a thousand."""
    if value is None:
        return None
    # more digits would be those of an approximation
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def baselines(runs: Sequence[Run]) -> Table | None:
    """The net and every baseline."""
    notes = [
        *([FILE_NAME] if any(run.folds and of_baseline(run, "file_name") for run in runs) else []),
        MODELS,
        "a method that gives only an answer, and no score, has no AUC",
        *interval_notes(runs),
    ]
    title, columns = "Baselines without a net", ["run", *BASELINE_COLUMNS]
    return table_of_runs("baselines", title, columns, runs, _baseline_rows, notes)


def _baseline_rows(run: Run) -> tuple[Rows, dict[str, Any]]:
    net = judged_net(run.labels, run.scores, run.probs, run.kinds if run.says_classes else None, run.groups)
    rows, data = [[run.title, "the net", *_judged(net)]], {}
    for name in BASELINES if run.result.baselines else ():
        data[name] = of_baseline(run, name)
        if data[name]:
            rows.append([run.title, BASELINES[name], *_judged(data[name])])
    siblings = (run.result.baselines or {}).get("sibling_share", {})
    if "share" in siblings:
        # the run's notes say it in words
        data["sibling_share"] = siblings
    return rows, data


def of_baseline(run: Run, name: str) -> dict[str, Any] | None:
    """A baseline's metrics on the very cells that the run has scored; None if the run has skipped it."""
    entry = baseline_of(run, name)
    kinds = run.kinds if run.has_seven or run.says_classes else None
    return entry and judged_baseline(entry, run.result.ids, run.labels, kinds, run.groups)


def against_baseline(run: Run, name: str) -> dict[str, Any] | None:
    """`compare` of the net, the first, with a baseline; no AUC if it gives answers alone. Else as `of_baseline`."""
    entry = baseline_of(run, name)
    if entry is None:
        return None
    tests = compare(run.labels, run.scores, answers_of(entry, run.result.ids)[0], run.groups)
    # an AUC of answers 0 and 1 would be no fair match for one of scores
    return tests if "chances" in entry else tests | dict.fromkeys(("auc", "difference", "interval", "p_auc"))


def baseline_of(run: Run, name: str) -> Mapping[str, Any] | None:
    """What baselines.json says of one baseline, unless it was skipped; an external validation has none."""
    entry = (run.result.baselines or {}).get(name, {"skipped": "absent"})
    return None if "skipped" in entry else entry


def against_baselines(runs: Sequence[Run]) -> Table | None:
    """One row for each baseline of each run: tests on the same cells, which intervals side by side are not."""
    of_net = {"right: first only": "right: the net only", "second only": "the other only"}
    of_net |= {"AUC first": "AUC the net", "second": "other"}
    columns, title = ["run", "against", *(of_net.get(name, name) for name in TESTS)], "The net against each baseline"
    return table_of_runs("against_baselines", title, columns, runs, _against_rows, TEST_NOTES)


def _against_rows(run: Run) -> tuple[Rows, dict[str, Any]] | None:
    found = {name: tests for name in BASELINES if (tests := against_baseline(run, name))}
    rows = [[run.title, BASELINES[name], *tested(tests)] for name, tests in found.items()]
    return (rows, found) if rows else None


def by_set(runs: Sequence[Run]) -> Table | None:
    """A row for each set of each run that was trained on several, and one for all; None without such a run."""
    notes = [
        "colour outside the nucleus region, size of the image, and nucleus area are baselines without a net, trained "
        "on the cells of all sets; where one is good in a set, that set's looks tell the label",
        *interval_notes(runs),
    ]
    columns = ["run", "set", "cells", "abnormal", "Acc (%)", "Sens (%)", "Spec (%)", "AUC", *LOOKS.values()]
    return table_of_runs("by_set", "Set by set", columns, runs, _set_rows, notes)


def _set_rows(run: Run) -> tuple[Rows, dict[str, Any]] | None:
    names = [one.name for one in run.record.dataset.sets]
    if not names:
        return None
    of = np.array([cell.partition(SEPARATOR)[0] for cell in run.result.ids])
    rows, data = [], {}
    for one, inside in [(name, of == name) for name in names] + [("all", np.ones(len(of), bool))]:
        if not inside.any():  # a fold may have none of a small set
            continue
        labels, groups = run.labels[inside], None if run.groups is None else run.groups[inside]
        net = judged_net(labels, run.scores[inside], run.probs[inside], None, groups)
        ids = [cell for cell, own in zip(run.result.ids, inside, strict=True) if own]
        looks = {name: _auc(baseline_of(run, name), ids, labels) for name in LOOKS}
        figures = [metric_interval(m, net[m], net["interval"][m]) for m in ("acc", "sens", "spec", "auc")]
        beside = [None if auc is None else f"{auc:.3f}" for auc in looks.values()]
        rows.append([run.title, one, len(labels), int(labels.sum()), *figures, *beside])
        data[one] = {"net": {metric: net[metric] for metric in METRICS}, "looks": looks}
    return rows, data


def _auc(baseline: Mapping[str, Any] | None, ids: list[str], labels: np.ndarray) -> float | None:
    """The area under a baseline's curve over these cells; None if the run has skipped it."""
    return binary_metrics(labels, answers_of(baseline, ids)[0])["auc"] if baseline else None


def baselines_alone(
    dataset: Dataset, found: Mapping[str, Any], protocol: str, classes: Sequence[CellClass] | None = None
) -> Table:
    """The baselines of a data set without any run; what is skipped says why. Of a part, `classes` are the whole's."""
    cells, rows, notes = dataset.by_id(), [], []
    place = {one.name: index for index, one in enumerate(classes or dataset.classes)}
    groups_known = all(cell.group is not None for cell in dataset.cells)
    for name, title in BASELINES.items():
        entry = found[name]
        if "skipped" in entry:
            notes.append(f"{title}: skipped, {entry['skipped']}")
            continue
        tested_cells = [cells[cell] for cell in entry["predictions"] if cell in cells and cells[cell].label < 2]
        ids, labels = [cell.id for cell in tested_cells], np.array([cell.label for cell in tested_cells])
        groups = [cell.group for cell in tested_cells] if groups_known else None
        kinds = np.array([place[cell.kind] for cell in tested_cells]) if len(place) > 2 else None
        rows.append([title, *_judged(judged_baseline(entry, ids, labels, kinds, groups))])
    siblings = found["sibling_share"]
    if "share" in siblings:
        notes.append(f"{percent(siblings['share'])} % of test cells have one of their group in training")
    title = f"Baselines without a net: {dataset.name}, {protocol} folds, {len(dataset.cells)} cells"
    return Table("baselines", title, BASELINE_COLUMNS, rows, [BY_GROUP if groups_known else BY_CELL, *notes])


def _judged(metrics: Mapping[str, Any]) -> list[str]:
    names = ("acc", "sens", "spec", "auc", "class_acc")
    return [metric_interval(name, metrics[name], metrics["interval"][name]) for name in names]
