"""Keep what a run's figures are made of in results/, and write results.csv and README's table of results again.

    .venv/bin/python experiments/keep_results.py runs/herlev-cell-short
    .venv/bin/python experiments/keep_results.py                          # no new run, the tables alone

A kept run has scores, records and training curves; no image, no weights and no path of a machine. tools/report.py makes
every table of the run again from there, and every figure that needs no picture. README's table stands between two
comments; its rows are the paper's, some rows of results.csv, and baselines.
"""

import argparse
import csv
import shlex
from collections.abc import Sequence
from pathlib import Path

from deeppap.cli.tool import run
from deeppap.io.caffe_messages import ROOT
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, write_text
from deeppap.report.paper import paper
from deeppap.report.table import metric_text
from deeppap.scoring.kept_run import is_kept, write_kept_run
from deeppap.scoring.results import RunResult, load_run
from deeppap.stats.baselines import judged_baseline
from deeppap.stats.by_class import class_errors
from deeppap.stats.intervals import interval
from deeppap.stats.metrics import METRICS, binary_metrics

RESULTS = ROOT / "results"
BEGIN, END = "<!-- results: made by experiments/keep_results.py -->", "<!-- end of results -->"
FACTS = ["profile", "protocol", "select", "classes", "control", "seed", "engine", "precision"]
CELL, FIELD = "herlev-cell-short", "herlev-field-short-inner"
SHOWN = {  # runs in README's table
    CELL: "**ours, cell-level folds as the paper's**",
    "herlev-field-medium-last": "**ours, whole fields kept together**",
    "herlev-field-medium-7class-last": "ours, whole fields kept together, net of seven classes: as normal and abnormal",
    "cric-external-herlev-field-medium": "external: 472 nuclei of CRIC, the five nets of whole fields averaged",
    "cric-external-herlev-field-quick": "external: 2,814 nuclei of CRIC, one `quick` net of Herlev",
    "cric-116-field-quick-inner": "CRIC, whole fields kept together, one fold of `quick`",
    "herlev-cric-field-short-jitter-last": "Herlev and CRIC, whole fields kept together: the net that is included",
}
BASELINES = {
    "file_name": "numbers in the file name, no pixels",
    "nucleus_area": "area of the hand-drawn nucleus alone",
    "background_colour": "colour outside the nucleus alone",
    "picture_size": "width and height of the picture alone",
}
PAGE = """\
# {name}

    {command}

Made at commit {commit}, {started}: {folds}, {cells} cells. `.venv/bin/python tools/report.py results/{name}` makes its
tables again. What each file holds: `deeppap/scoring/kept_run.py`.
"""


def keep(folder: Path, out: Path) -> None:
    """Write a run's kept files to `out`, complete or absent; an older copy is replaced.

    UserError if the run has no scores.
    """
    result = load_run(folder)
    if not result.folds or is_kept(folder):
        raise UserError(folder, "a run folder with scores", "none", "Score a fold with tools/evaluate.py.")
    with complete_or_absent(out) as partial:
        partial.mkdir(parents=True)
        write_kept_run(result, partial)
        write_text(partial / "README.md", readme(out.name, load_run(partial)))  # without paths


def readme(name: str, result: RunResult) -> str:
    """The page of a kept run."""
    record = result.record
    facts = {"commit": record.versions.get("project", "unknown"), "started": record.started[:10]}
    facts |= {"folds": result.fold_text(), "cells": len(result.ids), "command": command(result)}
    return PAGE.format(name=name, **facts)


def command(result: RunResult) -> str:
    """What makes the whole run: the recorded command, without options that only share the folds out."""
    words = list(result.record.command)
    for option in ("--workers", *["--folds"] * (len(result.folds) > 1)):
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
    if result.folds_with("shift10") and "--shift" not in words:
        words.append("--shift")  # scored later
    return shlex.join(words)


def row_of(run: RunResult) -> dict[str, object]:
    """A run's row of results.csv; figures at full precision, blank where there is none."""
    record, made = run.record, run.folds[0].made[0]
    labels, groups = run.pooled("labels"), run.groups()
    row = {"run": run.name, "command": command(run), "commit": record.versions.get("project", "unknown")}
    row |= {"dataset": record.dataset.name} | {name: getattr(record, name) for name in FACTS}
    row |= {"folds": len(run.folds), "cells": len(labels), "normal": int((labels == 0).sum())}
    row |= {"abnormal": int(labels.sum()), "views": made.views, "crops": made.crops}
    metrics = binary_metrics(labels, run.pooled("scores"))
    for name in METRICS:
        limits = interval(labels, run.pooled("scores"), name, groups)
        low, high = limits if isinstance(limits, tuple) else ("", "")  # else there are too few groups
        row |= {name: metrics[name], f"{name}_low": low, f"{name}_high": high}
    row["seven_way_error"] = ""
    if run.says_classes and run.has_seven:
        row["seven_way_error"] = class_errors(run.pooled("probs"), run.pooled("kinds"), run.classes)["each_class"]
    for shift in (5, 10):
        folds = run.folds_with(f"shift{shift}")
        moved = binary_metrics(labels, run.pooled(f"shift{shift}")) if len(folds) == len(run.folds) else {}
        row[f"acc_shift{shift}"] = moved.get("acc", "")
    return row


def table(rows: Sequence[dict], runs: dict[str, RunResult]) -> str:
    """README's table, as Markdown."""
    lines = ["| | Sens % | Spec % | Acc % | H-mean % | F % | AUC | from |", "|---|---|---|---|---|---|---|---|"]

    def add(name: str, metrics: dict, origin: str) -> None:
        cells = [metric_text(metric, metrics.get(metric)) for metric in METRICS]
        lines.append(f"| {name} | {' | '.join(cells)} | {origin} |")

    add("paper, ConvNet-T", paper()["herlev"], "cited")
    for row in rows:
        if row["run"] in SHOWN:
            add(SHOWN[row["run"]], row, f"`results/{row['run']}`")
    for name, text in BASELINES.items():
        for own, folds in ((runs[CELL], "cell-level folds"), (runs[FIELD], "whole fields")):
            found = judged_baseline(own.baselines[name], own.ids, own.pooled("labels"), None, None)
            add(f"{text}, {folds}", found, f"`tools/baselines.py --protocol {own.record.protocol}`")
    add("the authors' later paper, patients kept apart", paper()["later"][0], "cited: arXiv 1810.06058")
    return "\n".join(lines)


def with_table(page: str, made: str) -> str:
    """README with its table replaced."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END)[1]}"


def write_tables(results: Path = RESULTS, readme: Path = ROOT / "README.md") -> None:
    """Write results.csv and README's table."""
    runs = {path.parent.name: load_run(path.parent) for path in sorted(results.glob("*/run.json"))}
    rows = [row_of(run) for run in runs.values()]
    rows.sort(key=lambda row: [*SHOWN, row["run"]].index(row["run"]))  # README's first, in its order
    with (results / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_text(readme, with_table(readme.read_text(encoding="utf-8"), table(rows, runs)))


def main() -> None:
    """Keep a run, if one is given, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="a folder that cross_validate.py or validate.py made")
    parser.add_argument("--name", help="its name in results/ (default: its own)")
    args = parser.parse_args()
    if args.run:
        keep(args.run, RESULTS / (args.name or args.run.resolve().name))
    write_tables()


if __name__ == "__main__":
    run(main)
