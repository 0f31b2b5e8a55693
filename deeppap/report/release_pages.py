"""The pages of a release: the model card of each net, and the first page of all of them. No path of a machine."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from data_prep.classes import ABNORMAL, LABELS, CellClass, outputs_of, outputs_with
from data_prep.mean_image import MEAN, SOURCE_MEAN
from data_prep.profiles import run_profile
from deeppap.io.errors import printable
from deeppap.io.files import sha256_file
from deeppap.io.html import render
from deeppap.io.pinned import caffe_commit
from deeppap.records import RunRecord
from deeppap.records.record import without_paths
from deeppap.records.structs import CLASSIFY_VIEWS, SENSITIVITIES
from deeppap.report.facts import SELECTIONS
from deeppap.report.notes import made, weights_of
from deeppap.report.runs import Run
from deeppap.report.table import metric_text
from deeppap.report.tables.comparison import baselines, by_set
from deeppap.report.tables.performance import table3, table5
from deeppap.scoring.results import FoldResult, RunResult
from deeppap.scoring.thresholds import has_enough, text
from deeppap.stats.metrics import METRICS, binary_metrics
from deeppap.training.snapshots import kept_because


def model_card(result: RunResult, fold: FoldResult, release: str) -> str:
    """The card of a fold's net in a release of that name, Markdown, with the front matter that Caffe's tool reads."""
    run, model = Run(result, result.name), fold.model
    record, mean = run.record, fold.folder / (SOURCE_MEAN if model.source_mean_sha else MEAN)
    title = f"ConvNet-T, {record.dataset.name}, {record.protocol} protocol, profile {record.profile}, fold {fold.fold}"
    cells = Counter((cell.class_name, LABELS[cell.label]) for cell in result.cells.values())
    table = table3([run]) or table5([run])
    # the earlier methods have no place on a card
    rows = [row for row in table.text_rows() if row[0].startswith(("paper:", run.label))]
    own = binary_metrics(fold.labels, fold.scores)
    values = [metric_text(metric, own[metric]) for metric in METRICS]
    # a run's figures are of five nets; a user downloads one
    rows.append([f"these weights alone, fold {fold.fold}", len(fold.ids), *values])
    beside, each_set = baselines([run]), by_set([run])
    # of a path outside the project only the last name is kept, as it may name a person
    tool, *words = without_paths(record).command
    name_of = {share: name for name, share in SENSITIVITIES.items()}
    return render(
        "report/templates/model_card.md",
        # a JSON string is YAML, whatever the data's name
        title=json.dumps(printable(title), ensure_ascii=False),
        sha1=sha256_file(model.weights_in(fold.folder), "sha1"),
        caffe_commit=caffe_commit(),
        run=run,
        record=record,
        fold=fold,
        model=model,
        release=release,
        file=Path(model.snapshot).name,
        prototxt="prototxt/seven_class" if record.classes == 7 else "prototxt",
        outputs=_outputs(result.outputs),
        source=weights_of(fold),
        kept=kept_because(model.blend) if model.blend else None,
        # a snapshot's checksum is another than that of a mean
        whose={None: "", 0: " of the source", 1: ""}.get(model.blend and model.blend.share, ", averaged"),
        mean=mean.name,
        mean_sha=sha256_file(mean) if mean.exists() else None,
        name="a synthetic set (phantom)" if record.dataset.phantom else f"`{printable(record.dataset.name)}`",
        classes=_table(
            ["class", "side", "cells"], [[one.name, one.label, cells[one.name, one.label]] for one in result.classes]
        ),
        selection=SELECTIONS[model.select],
        made=made(fold.made[0]),
        thresholds=[(name_of[one.sensitivity], text(one)) for one in fold.made[0].thresholds or () if has_enough(one)],
        command=printable(shlex.join([f"tools/{Path(tool).name}", *words])),
        metrics=_table(table.columns, rows),
        each_set=each_set and _table(each_set.columns[1:], [row[1:] for row in each_set.text_rows()]),
        baselines=_table(beside.columns[1:], [row[1:] for row in beside.text_rows()]),
    )


def release_page(result: RunResult, folds: Sequence[int], name: str, onnx: bool) -> str:
    """The readme of a release of the nets of these folds of a run, Markdown."""
    run = Run(result, result.name)
    # pooled over all folds, also those that are not released: they are of the same training
    metrics = binary_metrics(run.labels, run.scores)
    row = [len(run.scores), *[metric_text(metric, metrics[metric]) for metric in METRICS]]
    return render(
        "report/templates/release.md",
        name=name,
        run=run,
        record=run.record,
        folds=folds,
        absent=[fold.fold for fold in run.folds if fold.fold not in folds],
        metrics=_table(["cells", *METRICS], [row]),
        doubts=[f"fold {fold.fold}: {fold.doubt}" for fold in run.folds if fold.fold in folds and fold.doubt],
        made="; ".join(dict.fromkeys(made(fold.made[0]) for fold in result.folds)),
        usual_views=CLASSIFY_VIEWS,
        views=sorted({fold.made[0].views for fold in run.folds}),
        onnx=onnx,
        **_use_of_onnx(run.record),
    )


def onnx_section(record: RunRecord, folds: Sequence[int]) -> str:
    """What the readme of a release with graphs says of them, Markdown."""
    return render("report/templates/release_onnx.md", record=record, folds=folds, **_use_of_onnx(record))


def _use_of_onnx(record: RunRecord) -> dict[str, Any]:
    um, outputs = record.dataset.pixel_um, outputs_of(record)
    return {
        "um": um,
        "pixel": f"{um:g} micrometres per pixel" if um else "pixels of the training set's size, which is not stated",
        "rotations": run_profile(record).test.rotations,
        "border": {"constant": "BORDER_CONSTANT", "reflect": "BORDER_REFLECT_101"}[record.border],
        "abnormal": outputs_with(ABNORMAL, outputs),
        "outputs": _outputs(outputs),
    }


def _outputs(outputs: Sequence[CellClass]) -> list[str]:
    return [f"{printable(one.name)} ({one.label})" for one in outputs]


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup:
    """A table in Markdown; nothing in an entry can end its cell."""
    lines = [list(columns), ["---"] * len(columns), *rows]
    entries = ([printable(str(value)).replace("|", "/") for value in line] for line in lines)
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in entries))
