"""What a run must be read beside: baselines that need no net, and the time a cell takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.errors import UserError
from measures.metrics import binary_metrics, percent
from reporting.notes import scored, table_notes
from reporting.paper import paper
from reporting.tables.baseline_titles import TITLES
from reporting.tables.table import Table, filled
from scoring.results import RunResult


def baseline_table(runs: Sequence[RunResult]) -> Table | None:
    """Each run beside what needs no net, on the same cells."""
    rows, data = [], {}
    for label, run in scored(runs):
        what = f"{label}, {run.fold_text()}"
        net = binary_metrics(run.pooled("labels"), run.pooled("scores"))
        seven = None
        if run.classes == 7 and run.has_class7:
            seven = float((run.pooled("probs").argmax(axis=1) == run.pooled("class7")).mean())
        rows.append([what, "the net", *_shares(net), percent(seven)])
        data[label] = {}
        for name, title in TITLES.items() if run.baselines else ():
            found = _baseline(run, name)
            data[label][name] = found
            if found:
                rows.append([what, title, *_shares(found), percent(found["seven_class_acc"])])
        if run.baselines and "share" in (share := run.baselines.get("sibling_share", {})):
            data[label]["sibling_share"] = share
            text = f"{share['siblings']}/{share['cells']} test cells have one of their group in training"
            rows.append([what, text, percent(share["share"]), None, None, None])
    columns = ["run", "method", "Acc (%)", "Sens (%)", "Spec (%)", "seven-way Acc (%)"]
    notes = (
        "a figure no better than the file name's says nothing about cells",
        "the row about groups is a share of the test cells of all folds, not an accuracy",
    )
    return filled("baselines", "Baselines without a net", columns, rows, table_notes(runs, *notes), data)


def speed_table(runs: Sequence[RunResult]) -> Table | None:
    """Time to score one cell (paper: "Computational Speed")."""
    known = paper()["speed"]
    count = known["views"] * known["crops"]
    rate = count / known["seconds_per_cell"]
    rows: list[list] = [["paper (cited)", known["device"], count, f"{known['seconds_per_cell']:g}", f"{rate:.0f}"]]
    data = {}
    for label, run in scored(runs):
        facts = [fold.evaluation for fold in run.folds if _timed(fold.evaluation)]
        for device in sorted({str(f.get("device", "not named")) for f in facts}):
            own = [f for f in facts if str(f.get("device", "not named")) == device]
            seconds = float(np.mean([f["seconds_per_cell"] for f in own]))
            crops = float(np.mean([f["views"] * f["crops"] for f in own]))
            data.setdefault(label, {})[device] = {"seconds_per_cell": seconds, "crops": crops}
            rows.append([label, device, f"{crops:g}", f"{seconds:.3g}", f"{crops / seconds:.0f}"])
    columns = ["run", "device", "crops a cell", "seconds a cell", "crops a second"]
    title = "Time to score one cell"
    return filled("speed", title, columns, rows if data else [], table_notes(runs), data)


def _shares(found: Mapping[str, Any]) -> list[str]:
    return [percent(found[name]) for name in ("acc", "sens", "spec")]


def _baseline(run: RunResult, name: str) -> dict[str, Any] | None:
    """A baseline's figures on the very cells the run has scored; None where it was skipped."""
    entry = run.baselines.get(name, {"skipped": "absent"})
    if "skipped" in entry:
        return None
    try:
        found = np.array([entry["predictions"][cell][0] for cell in run.ids], float)
        seven = [entry["predictions"][cell][1] for cell in run.ids]
        measures = binary_metrics(run.pooled("labels"), found)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        where = run.folder / "baselines.json"
        do = "Remove it and run tools/cross_validate.py again."
        raise UserError(where, f"{name}: a prediction for every cell of the run", repr(error)[:60], do) from None
    acc = float((np.array(seven) == run.pooled("class7")).mean()) if run.has_class7 else None
    return measures | {"seven_class_acc": acc}


def _timed(facts: Mapping[str, Any]) -> bool:
    keys = ("seconds_per_cell", "views", "crops")
    return all(isinstance(facts.get(key), int | float) and facts[key] > 0 for key in keys)
