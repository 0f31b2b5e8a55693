"""What the README, docs/evening.md and docs/external.md say of the kept runs beside their six metrics.

Each function writes a page's sentences and rows anew from the files in results/ and the paper's figures; the page must
hold them word for word. Trials whose scores were not kept cannot be asked.
"""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from data_prep.herlev_classes import CLASSES
from deeppap.report.paper import paper
from deeppap.report.table import metric_text
from deeppap.stats.metrics import METRICS, percent
from deeppap.training.caffe_log import parse
from tests.support.stated_figures import (
    CELL,
    FIELD,
    NIGHT,
    NIGHT_SEVEN,
    SEVEN,
    accuracy_gained,
    against_area,
    baseline,
    confusion_of,
    confusion_rows,
    degrees_confused,
    epochs,
    five_folds_together,
    kept,
    limits,
    require_said,
    right_of,
    seven_error_texts,
    seven_way_error,
    texts,
    with_limits,
    wrong_cells,
)

SHUFFLED = "herlev-cell-evening-shuffle"
CRIC, CRIC_NIGHT = "cric-external-herlev-field-evening", "cric-external-herlev-field-night"
SHORT = ("superficial", "intermediate", "columnar", "light", "moderate", "severe", "carcinoma in situ")


def cited() -> Iterator[str]:
    ours = " | ".join(metric_text(name, paper()["herlev"][name]) for name in METRICS)
    yield f"| paper, ConvNet-T | {ours} | cited |"
    later = percent(paper()["later"][0]["acc"])
    yield f"| the authors' own follow-up, patients kept apart | | | {later} | | | | cited:"


def readme() -> Iterator[str]:
    cell, field = kept(CELL), kept(NIGHT)
    yield f"seven-way error {seven_way_error(kept(NIGHT_SEVEN))} %, as normal and abnormal"
    both = [f"accuracy {limits(run, 'acc', '-')}, AUC {limits(run, 'auc', '-')}" for run in (CELL, NIGHT)]
    yield f"95 % interval, whole fields resampled: {both[0]} (cell); {both[1]} (field)."
    moved, unmoved = (percent(paper()[name]["acc"]) for name in ("herlev_shift10", "herlev"))
    yield f"the cell-level accuracy stays {texts(cell, ['acc'], 10)[0]} (paper: {moved}, of {unmoved})."
    found = right_of(cell)
    counted = [f"{name} {'/'.join(map(str, found[known.name]))}" for name, known in zip(SHORT, CLASSES, strict=True)]
    (columnar, _), (severe, _) = (paper()["right_per_class"][kind] for kind in (2, 5))
    yield (
        f"Right per class, cell-level: {', '.join(counted)}: what is missing to the paper's {unmoved} "
        f"is columnar cells (paper: {columnar}) and, less, severe ones ({severe})."
    )
    hits, columnar = right_of(field)["columnar"]
    area = baseline(field, "nucleus_area")["acc"]
    p_right, p_auc = against_area(NIGHT)
    yield f"has {area}: **"
    yield f"(P {p_right} for the accuracy, {p_auc} for the AUC;"
    yield f"{columnar - hits} of the {wrong_cells(field)} wrong cells are columnar"
    share = cell.baselines["sibling_share"]["share"]
    yield f"{100 * share:.0f} % of the cells of a cell-level fold have a cell of their own field in the training set"


def readme_baselines() -> Iterator[str]:
    both = (kept(CELL), kept(FIELD))
    name = baseline(both[0], "file_name")
    yield f"| file name's number, no pixels, cell-level | {name['sens']} | {name['spec']} | {name['acc']} | | | |"
    area = baseline(both[0], "nucleus_area")
    yield f"| nucleus area alone, cell-level | {area['sens']} | {area['spec']} | {area['acc']} | | | {area['auc']} |"
    for what, key in (
        ("colour outside the nucleus", "background_colour"),
        ("the picture's width and height", "picture_size"),
    ):
        cell, field = (baseline(run, key) for run in both)
        sens, spec, acc, auc = (f"{cell[metric]} / {field[metric]}" for metric in cell)
        yield f"| {what} alone, cell-level / by field | {sens} | {spec} | {acc} | | | {auc} |"


def evening_folds() -> Iterator[str]:
    for run in (CELL, FIELD):
        for fold in kept(run).folds:
            yield f"| {fold.fold} | {epochs(fold)} | {' | '.join(texts(fold))} |"
        yield five_folds_together(run)
        moved = " and ".join(with_limits(run, "acc", shift) for shift in (5, 10))
        aucs = [texts(kept(run), ["auc"], shift)[0] for shift in (5, 10)]
        both = f"{aucs[0]} both times" if aucs[0] == aucs[1] else " and ".join(aucs)
        yield f": Acc {moved}, AUC {both}."
    best = paper()["training"]
    yield f"The paper's best epoch has {best['validation_loss']} / {best['validation_accuracy']}."
    moved, unmoved = (percent(paper()[name]["acc"]) for name in ("herlev_shift10", "herlev"))
    yield f"The paper has {moved} % at 10 pixels, half a point below its own {unmoved}."
    # what the other snapshots of these folds gave is in no file
    yield from (f"**{', '.join(texts(fold, ['acc', 'auc']))}** |" for fold in kept(FIELD).folds)
    loss_alone_in_bold = re.sub(r"[*]{2}(.*?) / (.*?)[*]{2}", r"**\1** / \2", epochs(kept(FIELD).folds[0]))
    yield f"on AVX-512 kernels | 2, 2 | {loss_alone_in_bold} |"


def evening_cells() -> Iterator[str]:
    cell, field = kept(CELL), kept(FIELD)
    labels = cell.pooled("labels")
    hits, columnar = right_of(cell)["columnar"]
    by_label = zip(*(fold.model["val_losses"] for fold in cell.folds), strict=True)
    losses = [f"{min(values):.2f} to {max(values):.2f}" for values in by_label]
    yield (
        f"{wrong_cells(cell, 0)} of {(labels == 0).sum()} are wrong, {columnar - hits} of them columnar, "
        f"and {wrong_cells(cell, 1)} of {(labels == 1).sum()} abnormal ones. "
        f"Losses by label say the same: {losses[0]} over normal cells, {losses[1]} over abnormal ones."
    )
    yield f"lowest loss: {texts(cell.folds[2], ['spec'])[0]} % of normal cells right there."
    found = right_of(field)
    severe, of_severe = found["severe dysplasia"]
    yield (
        f"{found['columnar'][0]} of {columnar} columnar cells are right, {hits} under `cell`; "
        f"severe dysplasia {severe} of {of_severe} ({right_of(cell)['severe dysplasia'][0]})."
    )
    others = [100 * h / n for name, (h, n) in found.items() if name not in ("columnar", "severe dysplasia")]
    yield f"The other five classes are at {min(others):.0f} to {max(others):.0f} %."
    yield f"({columnar - found['columnar'][0]} of {wrong_cells(field)}) are columnar ones"
    gains = [100 * max(rise) for fold in field.folds if (rise := accuracy_gained(fold))]
    yield f"rises by {min(gains):.1f} to {max(gains):.1f} points afterwards"
    normal, abnormal = field.folds[0].model["val_labels"]
    yield f"chosen on {normal + abnormal} inner cells ({normal} normal)"
    area = baseline(field, "nucleus_area")
    p_right, p_auc = against_area(FIELD)
    yield (
        f"The nucleus's area alone, with fields kept together: Acc {area['acc']}, AUC {area['auc']}, "
        f"and the net is no better (P {p_right} and {p_auc}, "
    )


def evening_seven() -> Iterator[str]:
    run, two = kept(SEVEN), kept(FIELD)
    error, collapsed = seven_error_texts(SEVEN)
    yield f"**The seven-way error is {error}, above"
    two_class = percent(wrong_cells(two) / len(two.ids))
    yield f"an error of {collapsed}, a little less than the two-class net's {two_class}."
    counts = confusion_of(run)
    yield from confusion_rows(SEVEN)
    wrong = counts.sum() - np.trace(counts)
    yield f"Of {wrong} wrong answers {degrees_confused(counts)} are between neighbouring degrees"
    yield f"it names {counts[2, 2]} of {counts[2].sum()}, where the other calls {right_of(two)['columnar'][0]} normal."
    yield f"severe dysplasia: {counts[5, 2]} of {counts[5].sum()} are called columnar."
    moved = {texts(run, ["acc"], shift)[0] for shift in (5, 10)}
    yield f"is {' '.join(moved)} % both times, {texts(run, ['acc'])[0]} as it is."


def evening_control() -> Iterator[str]:
    (fold,) = kept(SHUFFLED).folds
    (same,) = (true for true in kept(CELL).folds if true.fold == fold.fold)
    yield f"with an interval of {limits(SHUFFLED, 'auc')}, is that of chance"
    reached = max(accuracy for _, _, accuracy in parse(same.folder / "train.log").test)
    yield f"after each epoch: {epochs(fold)}, where with true labels the accuracy comes to {reached:.3f}."


def external() -> Iterator[str]:
    run = kept(CRIC)
    for name, text in zip(("Sens", "Spec", "Acc"), texts(run), strict=False):
        yield f"| {name} | {text} % | {limits(CRIC, name.lower(), '-')} |"
    yield f"| AUC | {texts(run, ['auc'])[0]} | {limits(CRIC, 'auc', '-')} |"
    labels = run.pooled("labels")
    normal, abnormal = (labels == 0).sum(), (labels == 1).sum()
    yield f"{len(labels)} marked nuclei ({normal} NILM, {abnormal} abnormal), **one view and ten crops a cell**, images"
    found, always = right_of(run), f"Always saying normal would have an accuracy of {percent((labels == 0).mean())} %."
    nilm, asc_us, lsil, hsil, scc = (
        "/".join(map(str, found[name]))
        for name in ("Negative for intraepithelial lesion", "ASC-US", "LSIL", "HSIL", "SCC")
    )
    yield f"Right of each class: NILM {nilm}, ASC-US {asc_us}, LSIL {lsil}, **HSIL {hsil}**, SCC {scc}. {always}"
    ranges = [f"{name} {limits(CRIC_NIGHT, name.lower(), '-')}" for name in ("Sens", "Spec", "Acc", "AUC")]
    by_class = right_of(kept(CRIC_NIGHT))
    counted = [f"{name} {'/'.join(map(str, by_class[name]))}" for name in ("NILM", "ASC-US", "LSIL", "HSIL", "SCC")]
    yield f"Intervals: {', '.join(ranges)}. Right of each class: {', '.join(counted)}."
    yield f"(AUC {texts(kept(CRIC_NIGHT), ['auc'])[0]} and {texts(run, ['auc'])[0]})"


PAGES = {
    cited: "README.md",
    readme: "README.md",
    readme_baselines: "README.md",
    evening_folds: "docs/evening.md",
    evening_cells: "docs/evening.md",
    evening_seven: "docs/evening.md",
    evening_control: "docs/evening.md",
    external: "docs/external.md",
}


@pytest.mark.parametrize("says", PAGES, ids=lambda says: says.__name__)
def test_a_page_says_what_the_files_give(says):
    require_said(PAGES[says], says())
