"""What the gallery's orders offer to label, and what a set that was labelled in one of them says of other cells.

    .venv/bin/python experiments/labelling_orders.py

It needs two kept runs and no net: `before`, a net's scores of all cells of a set of fields; `after`, the scores of some
of these cells by a net that was trained on other fields of the set. First, for each order and number of cells: how many
of the cells are abnormal, and severe (HSIL, SCC). Then, for each order, more than a quarter of the cells of both runs
are labelled, and 64 random ones of them are inner cells. The AUC of both nets on the inner cells stands beside that on
all cells of both runs, and the threshold that the inner cells choose for a sensitivity of 95 % is used on all of them.
Figures are means over the seeds; a seed leaves out another fifth of the groups.
"""

import argparse
import math
from pathlib import Path

import numpy as np
from adapting_study import GALLERY, RANDOM, SEVERE, as_screened, labelled_cells
from sklearn.metrics import roc_auc_score

from deeppap.cli.options import whole_numbers
from deeppap.cli.tool import run
from deeppap.io.caffe_messages import ROOT
from deeppap.records.structs import SENSITIVITIES
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import binary_metrics
from deeppap.stats.operating_point import operating_point

LABELLED, INNER = 0.27, 64  # as 400 labelled cells of 1,500 that were screened, and a sixth of them


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    kept = ROOT / "results"
    parser.add_argument("--before", type=Path, default=kept / "cric-external-herlev-field-quick")
    parser.add_argument("--after", type=Path, default=kept / "herlev-cric-field-quick-inner")
    parser.add_argument("--cells", type=whole_numbers, default=[50, 100, 200, 400, 800])
    parser.add_argument("--seeds", type=int, default=40, help="how many")
    args = parser.parse_args()
    before, after = load_run(args.before), load_run(args.after)
    labels, scores = before.pooled("labels"), before.pooled("scores")
    rows = [before.cells[cell] for cell in before.ids]
    groups, severe = [row.group for row in rows], np.isin([row.class_name for row in rows], SEVERE)
    cells = [as_screened(row.group, *row.centre, score, math.nan) for row, score in zip(rows, scores, strict=True)]
    for order in (RANDOM, *GALLERY):
        for count in args.cells:
            chosen = [labelled_cells(groups, count, seed, order, cells) for seed in range(args.seeds)]
            shares = [100 * np.mean([part[places].mean() for places in chosen]) for part in (labels, severe)]
            print(f"{order}, {count} cells: {shares[0]:.0f} % abnormal, {shares[1]:.0f} % severe")
    # in a run of several sets the name of a cell's set is before its id
    late = {name.split(":")[-1]: score for name, score in zip(after.ids, after.pooled("scores"), strict=True)}
    both = [place for place, name in enumerate(before.ids) if name in late]
    labels, scores = labels[both], scores[both]
    late = np.array([late[before.ids[place]] for place in both])
    groups, cells = ([of_all[place] for place in both] for of_all in (groups, cells))
    true = [roc_auc_score(labels, found) for found in (scores, late)]
    print(f"all {len(both)} cells: AUC {true[0]:.3f} before, {true[1]:.3f} after")
    for order in (RANDOM, *GALLERY):
        found = []
        for seed in range(args.seeds):
            chosen = labelled_cells(groups, round(LABELLED * len(both)), seed, order, cells)
            inner = np.random.default_rng(seed).permutation(chosen)[:INNER]
            point = operating_point(labels[inner], late[inner], SENSITIVITIES["sens95"])
            at = binary_metrics(labels, late, point["threshold"])
            aucs = [roc_auc_score(labels[inner], one[inner]) for one in (scores, late)]
            found.append((*aucs, 100 * at["sens"], 100 * at["spec"]))
        old, new, sens, spec = np.mean(found, axis=0)
        line = f"{order}: on the inner cells AUC {old:.3f} before, {new:.3f} after"
        print(f"{line}; their threshold has a sensitivity of {sens:.0f} % and a specificity of {spec:.0f} % on all")


if __name__ == "__main__":
    run(main)
