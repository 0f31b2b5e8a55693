"""Adapt a net with few and with many labelled cells, and judge it on fields that were held back.

    .venv/bin/python experiments/adapting_study.py --from runs/herlev-field-quick-inner/fold0 --data my_cells/cells.csv

A third of the groups is held back. Of the other cells so many are chosen at random as a person would have labelled
(--cells). From these, `train --from` holds a fifth back to test and of the rest a fifth to choose by. The net as it is,
and each adapted net, score the cells of the groups that were held back. A row a net is printed and added to
adapting_study.csv. An interrupted study goes on with the same command. The lists of cells are written beside the
manifest.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deeppap.cli.options import whole_numbers
from deeppap.cli.tool import run
from deeppap.engines.device import resolve
from deeppap.records import Request
from deeppap.records.run_folder import RUNS, fold_folder
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.metrics import binary_metrics
from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate
from deeppap.studies.external import ExternalOptions, validate
from deeppap.training.source import open_source

HELD_BACK = 3  # one group of so many
SEVERE = ("HSIL", "SCC")
SPECIFICITY = 0.85  # at which the severe cells are counted
OUT = Path("adapting_study.csv")
COLUMNS = ("labelled", "seed", "kept", "auc", "severe_at_spec85", "sens", "spec", "cells", "abnormal")


def split_of(manifest: Path, count: int, seed: int) -> tuple[Path, Path]:
    """The lists of the cells that are labelled, `count` of them, and of those that are held back; beside `manifest`."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups = sorted({row["group"] for row in rows})
    # the same groups for every number of cells, or the rows could not be compared
    held = set(np.random.default_rng(0).permutation(groups)[: len(groups) // HELD_BACK])
    open_to_all = [row for row in rows if row["group"] not in held]
    chosen = np.random.default_rng(seed).permutation(len(open_to_all))[:count]
    parts = {
        f"labelled_{count}_{seed}": [open_to_all[place] for place in sorted(chosen)],
        "held_back": [row for row in rows if row["group"] in held],
    }
    paths = []
    for name, cells in parts.items():
        path = manifest.with_name(f"{name}.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(cells)
        paths.append(path)
    return paths[0], paths[1]


def figures(folder: Path) -> dict[str, float | int | None]:
    """What a net is worth on the cells of a run."""
    result = load_run(folder)
    labels, scores = result.pooled("labels"), result.pooled("scores")
    names = np.array([result.cells[cell].class_name for cell in result.ids])
    found = binary_metrics(labels, scores)
    at = severe_found(labels, names, scores)
    counts = {"cells": len(labels), "abnormal": int(labels.sum())}
    return {"auc": found["auc"], "severe_at_spec85": at, "sens": found["sens"], "spec": found["spec"], **counts}


def severe_found(labels: np.ndarray, names: np.ndarray, scores: np.ndarray) -> float | None:
    """The share of severe cells above the score that 85 % of the normal cells do not reach; all (n,)."""
    limit = np.quantile(scores[labels == 0], SPECIFICITY, method="higher")
    severe = scores[np.isin(names, SEVERE)]
    return float((severe > limit).mean()) if len(severe) else None


def judged(name: str, held: Path, fold: Path, args: argparse.Namespace) -> dict:
    """The figures of a net on the held-back cells, scored unless they are."""
    options = ExternalOptions(args.views, args.crops, None, resolve(args.gpu), name=name)
    if not (RUNS / name / "run.json").exists():
        validate(held, [TrainedModel.open(fold)], options)
    return figures(RUNS / name)


def study(args: argparse.Namespace) -> list[dict]:
    """All rows: the net as it is, then each number of labelled cells and seed."""
    source, tag = open_source(args.source), args.run
    rows = [{"labelled": 0, **judged(f"{tag}-before", split_of(args.data, 1, 1)[1], source.fold, args)}]
    for count in args.cells:
        for seed in args.seeds:
            labelled, held = split_of(args.data, count, seed)
            request = Request(data=(str(labelled),), profile=args.profile, protocol="field", seed=seed)
            name = f"{tag}-{count}-{seed}"
            options = CrossValidateOptions(source=source, folds=[0], device=resolve(args.gpu), name=name)
            fold = fold_folder(cross_validate(request, options), 0)
            blend = TrainedModel.open(fold).origin.blend
            found = judged(f"{name}-judged", held, fold, args)
            rows.append({"labelled": count, "seed": seed, "kept": blend and blend.share, **found})
            write(OUT, COLUMNS, rows)
    write(OUT, COLUMNS, rows)
    return rows


def write(path: Path, columns: Sequence[str], rows: Sequence[dict]) -> None:
    """Write the table so far."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Adapt, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="a trained fold")
    parser.add_argument(
        "--data", type=Path, required=True, help="a manifest with groups, as tools/import_labels.py writes"
    )
    parser.add_argument("--cells", type=whole_numbers, default=[25, 100, 400], help="numbers of labelled cells")
    parser.add_argument("--seeds", type=whole_numbers, default=[1], help="of the choice of cells and of the trainings")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--views", type=int, default=3, help="views of each cell that is judged")
    parser.add_argument("--crops", type=int, default=2, help="crops of each view")
    parser.add_argument("--gpu", default="none")
    parser.add_argument("--run", default="adapting_study", help="how the folders in runs/ begin")
    for row in study(parser.parse_args()):
        texts = {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in row.items()}
        print(", ".join(f"{name} {text}" for name, text in texts.items()))


if __name__ == "__main__":
    run(main)
