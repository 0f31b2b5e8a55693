"""What screening is measured on: a fold whose weights are seeded random numbers, made slides, and plans of them."""

from dataclasses import replace
from pathlib import Path

from benchmarks.work import Work
from data_prep.prepare import prepare_fold
from deeppap.engines.device import Device
from deeppap.io.caffe_messages import read_binary
from deeppap.phantom.field import FIELD_MPP
from deeppap.phantom.slide import BLOCK, CELLS, make_slide
from deeppap.records.request import Request
from deeppap.scoring.trained_model import TrainedModel
from deeppap.screening.plan import ImagePlan, plan_image, settings_of
from deeppap.screening.screen_tile import open_image
from deeppap.screening.slides.slide import Box
from deeppap.training.snapshots import TRAIN_LMDB

CONFIDENCE = 0.1  # finds most of the drawn nuclei


def screening_fold(work: Work) -> Path:
    """A fold of the phantom with the benchmark's own weights, as one whose training was started by hand."""
    request = Request(data=str(work.folder / "phantom"), profile="smallest")
    fold, _ = prepare_fold(request, 0, 1, "screening", work.folder / "runs", say=lambda line: None)
    net = read_binary(work.model, "NetParameter", "Remove it.")
    net.layer.add(name="data", type="Data").data_param.source = str(fold / TRAIN_LMDB)  # Caffe says so whose it is
    (fold / "snapshots").mkdir(exist_ok=True)
    (fold / "snapshots/convnet_t_iter_1.caffemodel").write_bytes(net.SerializeToString())
    return fold


def made_slide(path: Path, cells: int) -> Path:
    """A slide of about so many drawn cells, as small as it can be."""
    fields = max(1, round(cells / CELLS))
    side = BLOCK
    while (side // BLOCK) ** 2 < fields:
        side += BLOCK
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        make_slide(path, side, fields)
    return path


def planned(
    slide: Path, fold: Path, device: Device, views: int, crops: int, tile: int, parts: Path
) -> tuple[ImagePlan, list[Box]]:
    """The plan of a slide, and its tiles."""
    model = TrainedModel.open(fold, say=lambda line: None)
    options = {"views": views, "crops": crops, "confidence": CONFIDENCE, "training_mpp": FIELD_MPP}
    image = open_image(str(slide))
    plan = plan_image(slide, image.slide, replace(settings_of([model], device, **options), tile=tile), parts)
    return plan, plan.tiles(image.tissue)
