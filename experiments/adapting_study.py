"""Adapt a net with few and with many labelled cells, and judge it on fields that were held back.

    .venv/bin/python experiments/adapting_study.py --from runs/herlev-field-quick-inner/fold0 --data my_cells/cells.csv

A third of the groups is held back. Of the other cells so many random ones are labelled as --cells says. From these,
`train --from` holds a fifth back to test and of the rest a fifth to choose by. The net as it is, and each adapted net,
score the cells of the groups that were held back. A row a net is printed and added to adapting_study.csv. An
interrupted study goes on with the same command. The lists of cells are written beside the manifest.
"""

import argparse
import csv
import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from deeppap.cli.options import whole_numbers
from deeppap.cli.tool import run
from deeppap.engines.device import resolve
from deeppap.records import Request
from deeppap.records.run_folder import RUNS, fold_folder
from deeppap.scoring.results import load_run
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.cells import ScreenedCell
from deeppap.screening.outputs.tables import Choice, highest, most_uncertain
from deeppap.stats.metrics import binary_metrics
from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate
from deeppap.studies.external import ExternalOptions, validate
from deeppap.training.source import open_source

RANDOM = "random"
GALLERY = {"choose": Choice, "uncertain": most_uncertain, "highest": highest}  # its orders; `choose` is "worth a label"
SCREENED = 5  # of the groups but one of so many, another one for each seed: the orders have nothing random
HELD_BACK = 3  # one group of so many
SEVERE = ("HSIL", "SCC")
SPECIFICITY = 0.85  # at which the severe cells are counted
OUT = Path("adapting_study.csv")
COLUMNS = ("labelled", "seed", "kept", "auc", "severe_at_spec85", "sens", "spec", "cells", "abnormal")


def held_back(groups: Iterable[str]) -> set[str]:
    """The groups that judge, the same for every number of cells: otherwise the rows could not be compared."""
    names = sorted(set(groups))
    return set(np.random.default_rng(0).permutation(names)[: len(names) // HELD_BACK])


def labelled_cells(
    groups: Sequence[str], count: int, seed: int, order: str = RANDOM, cells: Sequence[ScreenedCell] = ()
) -> list[int]:
    """Which cells a person labels, `count` of them: random ones, or the first ones in an order of the gallery.

    An order asks for the screened `cells`, one for each of `groups`. It has nothing random. So each seed leaves out
    another fifth of the groups, as if a person had not screened them.
    """
    rng = np.random.default_rng(seed)
    if order == RANDOM:
        return rng.permutation(len(groups))[:count].tolist()
    names = sorted(set(groups))
    left_out = set(rng.permutation(names)[: len(names) // SCREENED])
    gallery, places = GALLERY[order](count), {}
    for place, (group, cell) in enumerate(zip(groups, cells, strict=True)):
        if group not in left_out:
            gallery.add(cell)
            places[cell.id] = place
    return [places[cell.id] for cell in gallery.cells()]


def read_manifest(manifest: Path) -> tuple[list[dict], list[dict]]:
    """The rows of the cells that may be labelled, and of those that are held back."""
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    held = held_back(row["group"] for row in rows)
    return [row for row in rows if row["group"] not in held], [row for row in rows if row["group"] in held]


def listed(manifest: Path, name: str, rows: Sequence[dict]) -> Path:
    """A list of some of a manifest's cells, beside it."""
    path = manifest.with_name(f"{name}.csv")
    write(path, list(rows[0]), rows)
    return path


def as_screened(image: str, x: float, y: float, score: float, ood_score: float) -> ScreenedCell:
    """A cell of a manifest as the gallery orders it: no order asks for its area, its confidence or its spread."""
    return ScreenedCell(image, x, y, math.nan, math.nan, float(score), math.nan, float(ood_score))


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


def judged(name: str, cells: Path, fold: Path, args: argparse.Namespace) -> Path:
    """The run of a net's scores of a list of cells, which are scored unless they are."""
    options = ExternalOptions(args.views, args.crops, None, resolve(args.gpu), name=name)
    if not (RUNS / name / "run.json").exists():
        validate(cells, [TrainedModel.open(fold)], options)
    return RUNS / name


def study(args: argparse.Namespace) -> list[dict]:
    """All rows: the net as it is, then each number of labelled cells and seed."""
    source, tag = open_source(args.source), args.run
    ready, held = read_manifest(args.data)
    held_list, groups = listed(args.data, "held_back", held), [row["group"] for row in ready]
    rows = [{"labelled": 0, **figures(judged(f"{tag}-before", held_list, source.fold, args))}]
    for count, seed in itertools.product(args.cells, args.seeds):
        chosen = sorted(labelled_cells(groups, count, seed))
        labelled = listed(args.data, f"labelled_{count}_{seed}", [ready[place] for place in chosen])
        request = Request(data=(str(labelled),), profile=args.profile, protocol="field", select="last", seed=seed)
        name = f"{tag}-{count}-{seed}"
        device = resolve(args.gpu)
        options = CrossValidateOptions(source=source, folds=[0], device=device, name=name, adapt_few=True)
        fold = fold_folder(cross_validate(request, options), 0)
        blend = TrainedModel.open(fold).origin.blend
        found = figures(judged(f"{name}-judged", held_list, fold, args))
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
    parser.add_argument("--profile", default="jitter")
    parser.add_argument("--views", type=int, default=3, help="views of each cell that is judged")
    parser.add_argument("--crops", type=int, default=2, help="crops of each view")
    parser.add_argument("--gpu", default="none")
    parser.add_argument("--run", default="adapting_study", help="how the folders in runs/ begin")
    for row in study(parser.parse_args()):
        texts = {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in row.items()}
        print(", ".join(f"{name} {text}" for name, text in texts.items()))


if __name__ == "__main__":
    run(main)
