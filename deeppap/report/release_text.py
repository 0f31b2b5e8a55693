"""The first page of a release: what is in the folder, what it was measured at, how to use it."""

from collections.abc import Sequence

from deeppap.records.request import CLASSIFY_VIEWS
from deeppap.report import model_card_text as words
from deeppap.report.provenance import scored_how
from deeppap.report.tables.performance_rows import metric_text
from deeppap.scoring.results import RunResult
from deeppap.stats.metrics import METRICS, binary_metrics

TEXT = """\
# {name}

{intended}
{count} net(s) of one study, {dataset}, folds by `{protocol}`, profile `{profile}`: each was trained without the
cells of one fold. A cell's score is the mean of all of them. Each net's card is `fold<k>/readme.md`.

## What to expect

Cross-validated, each cell scored by the one net that had not seen it; the mean of all nets on new cells of the same
laboratory was not measured, and another laboratory's cells are another matter.
{whose}

| cells | {metrics} |
|---|{lines}|
| {cells} | {values} |

Its scores are means over views and crops: {made}.

## Use

    tools/classify.py cell.png --centre 61,48 --release {name}

takes {usual} views of each cell, and with `--views N` N.{views} `fold<k>` is opened as any fold's folder is:
`--fold-folder {name}/fold{first}` in classify, validate and screen.{onnx}
`sha256sum -c SHA256SUMS` checks every file, as `--release` does.

## Limits

{limits}
"""
ONNX = """
`fold<k>/onnx/views.onnx` takes whole views (uint8, 256 x 256, BGR) and gives `prob`, without Caffe and without this
project; `crops.onnx` takes what the deploy net takes."""


def release_text(run: RunResult, folds: Sequence[int], name: str, onnx: bool) -> str:
    """The readme of a release of the nets of these folds of `run`, Markdown."""
    metrics = binary_metrics(run.pooled("labels"), run.pooled("scores"))
    limits = words.limits(run, words.RELEASED.terms, "in each net's card")
    views = sorted({str(fold.made[0].views) for fold in run.folds})
    return TEXT.format(
        name=name,
        intended=words.INTENDED,
        count=len(folds),
        dataset=run.record.dataset.name,
        protocol=run.record.protocol,
        profile=run.record.profile,
        whose=_whose(run, folds),
        metrics=" | ".join(METRICS),
        lines="|".join("---" for _ in METRICS),
        cells=len(run.ids),
        values=" | ".join(metric_text(metric, metrics[metric]) for metric in METRICS),
        made="; ".join(scored_how(run)),
        usual=CLASSIFY_VIEWS,
        views=f" The figures have {' or '.join(views)}." if views else "",
        first=min(folds),
        onnx=ONNX if onnx else "",
        limits="\n".join(f"- {sentence}" for sentence in limits),
    )


def _whose(run: RunResult, folds: Sequence[int]) -> str:
    """Whose figures they are, and which of those nets are not in the release."""
    absent = [str(fold.fold) for fold in run.folds if fold.fold not in folds]
    left_out = f", of which fold {', '.join(absent)} {'is' if len(absent) == 1 else 'are'} not here" if absent else ""
    return f"The figures are of the nets of {run.fold_text()}{left_out}."
