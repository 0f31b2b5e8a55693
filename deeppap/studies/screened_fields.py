"""The whole chain judged: fields as they are screened, and every marked cell asked for: found, and called?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.records.run_folder import RUNS
from deeppap.report.screened import write_screened_report
from deeppap.report.table import Table
from deeppap.scoring.score_files import write_rows
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.nuclei.evaluation import field_hashes, seen_in_training
from deeppap.screening.nuclei.fields import read_fields
from deeppap.screening.outcomes import outcome_of
from deeppap.screening.plan import settings_of
from deeppap.screening.results import parts_of
from deeppap.screening.screen_images import plan_images, screen_images
from deeppap.studies.external import images_to_skip, left_out_text, require_one_training

COLUMNS = ["image", "x", "y", "class", "outcome", "p_abnormal"]


@dataclass(frozen=True)
class ScreenedOptions:
    """What a user may choose; None takes the nets', the detector's or the screening's own value.

    `mpp` is the side of the fields' pixels in micrometres.
    """

    mpp: float
    views: int | None = None
    crops: int | None = None
    device: Device = Device()
    detector: Path | None = None
    confidence: float | None = None
    training_mpp: float | None = None
    name: str | None = None
    skip_known: bool = False  # leave out the fields that the nets learned from


def validate_screening(
    folder: Path, models: Sequence[TrainedModel], options: ScreenedOptions, say: Callable[[str], None] = print
) -> tuple[Path, list[Table]]:
    """Screen a folder of marked fields, match its marks, and write the report; returns its page and tables.

    The folder in runs/ holds `screen/` (all that tools/screen.py writes), marks.csv, tables/, figures/ and report.html.

    UserError for fields without classes, or that the nets or the net that they were adapted from learned from.
    """
    require_one_training(models)
    fields = read_fields(folder)
    if not all(field.labels for field in fields):
        do = "Give nuclei.csv with a column bethesda or label."
        raise UserError(folder, "marks with classes", "points or masks alone", do)
    hashes = field_hashes(fields)
    known = images_to_skip(hashes, models, options.skip_known, options.name or folder.resolve().name)
    fields = [field for field in fields if field.path not in known]
    if known:
        say(left_out_text(known, hashes))
    counts = (options.views, options.crops, False, options.confidence, options.training_mpp)
    settings = settings_of(models, options.device, options.detector, *counts, say=say)
    run = models[0].folder.resolve().parent.name
    out = RUNS / (options.name or f"{folder.resolve().name}-screened-{run}")
    paths = [field.path for field in fields]
    # the parts are kept, since they alone hold each field's cells by themselves
    screen_images(paths, out / "screen", settings, options.mpp, keep_parts=True, say=say)
    outcomes = []
    work = plan_images(paths, out / "screen", settings, options.mpp)
    for field, (plan, tiles) in zip(fields, work, strict=True):
        outcomes.append(outcome_of(field, [cell for part in parts_of(plan, tiles) for cell in part.cells]))
    facts = [
        ("fields", f"{folder}: {len(fields)}, {options.mpp:g} um a pixel"),
        ("nets", ", ".join(str(model.folder) for model in models)),
        ("views and crops", f"{settings.views} x {settings.crops}"),
        ("detector", f"{Path(settings.detector).name}, sha256 {settings.detector_sha[:12]}"),
    ]
    if known:
        facts.append(("left out", left_out_text(known, hashes)))
    if line := seen_in_training(Path(settings.detector), {field.path: hashes[field.path] for field in fields}):
        say(f"!! {line} !!")
        facts.append(("warning", line))
    rows = []
    for one in outcomes:
        for f in one.findings:
            score = f"{f.score:.6f}" if np.isfinite(f.score) else ""
            rows.append([one.field.path.name, f"{f.x:.2f}", f"{f.y:.2f}", f.label, f.outcome, score])
    write_rows(out / "marks.csv", COLUMNS, rows)
    tables = write_screened_report(out, f"{folder.resolve().name}, screened", outcomes, options.mpp, facts)
    return out / "report.html", tables
