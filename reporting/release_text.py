"""The first page of a release: what is in the folder, what it was measured at, how to use it."""

from measures.metrics import METRICS, binary_metrics
from reporting import model_card_text as words
from reporting.tables.performance_rows import metric_text
from scoring.results import RunResult

TEXT = """\
# {name}

{intended}
{count} net(s) of one study, {dataset}, folds by `{protocol}`, profile `{profile}`: each was trained without the
cells of one fold. A cell's score is the mean of all of them. Each net's card is `fold<k>/readme.md`.

## What to expect

Cross-validated, each cell scored by the one net that had not seen it; the mean of all nets on new cells of the same
laboratory was not measured, and another laboratory's cells are another matter.

| cells | {metrics} |
|---|{lines}|
| {cells} | {values} |

## Use

    tools/classify.py cell.png --centre 61,48 --release {name}

`fold<k>` is opened as any fold's folder is: `--fold-folder {name}/fold0` in classify, validate and screen.{onnx}
`sha256sum -c SHA256SUMS` checks every file, as `--release` does.

## Limits

{limits}
"""
ONNX = """
`fold<k>/onnx/views.onnx` takes whole views (uint8, 256 x 256, BGR) and gives `prob`, without Caffe and without this
project; `crops.onnx` takes what the deploy net takes."""


def release_text(run: RunResult, nets: int, name: str, onnx: bool) -> str:
    """The readme of a release of `nets` folds of `run`, Markdown."""
    metrics = binary_metrics(run.pooled("labels"), run.pooled("scores"))
    return TEXT.format(
        name=name,
        intended=words.INTENDED,
        count=nets,
        dataset=run.run["dataset"]["name"],
        protocol=run.run["protocol"],
        profile=run.run["profile"],
        metrics=" | ".join(METRICS),
        lines="|".join("---" for _ in METRICS),
        cells=len(run.ids),
        values=" | ".join(metric_text(metric, metrics[metric]) for metric in METRICS),
        onnx=ONNX if onnx else "",
        limits="\n".join(f"- {sentence}" for sentence in words.limits(run)),
    )
