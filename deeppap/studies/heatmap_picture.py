"""A picture of given cells, each beside itself under its heat map."""

from dataclasses import replace
from pathlib import Path

from deeppap.io.errors import FieldError
from deeppap.io.files import complete_or_absent
from deeppap.report.figures.mosaic import Row
from deeppap.report.figures.photos import heatmap_page, heatmap_pair
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.classify import GivenCells, with_pixels
from deeppap.scoring.heatmaps import VIEWS, attribution_of, heat_map
from deeppap.scoring.trained_model import TrainedModel

MOST = 40  # cells on one picture
DPI = 200
HEADING = "red speaks for abnormal, blue for normal; not a medical device"


def require_picture(path: Path, cells: int, nets: int) -> None:
    """Refuse a file that is no PNG, more cells than fit, or the mean of several nets; called before the work."""
    if nets > 1:
        raise FieldError("heatmap", "one net", f"{nets} nets", "Name one fold of the release.")
    if path.suffix.lower() != ".png":
        raise FieldError("heatmap", "a file name that ends in .png", str(path), "Give another name.")
    if cells > MOST:
        raise FieldError("heatmap", f"at most {MOST} cells", f"{cells}", "Ask for fewer at a time.")


def write_heatmap_picture(path: Path, model: TrainedModel, cells: GivenCells, choice: ViewChoice) -> None:
    """Write the cells beside their heat maps, complete or not at all; each over its first views, ten at most."""
    attribution = attribution_of(model)
    fewer = model.views(min(choice.count, VIEWS))
    shown = []
    for cell in with_pixels(cells, choice):
        found = heat_map(attribution, replace(cell, views=fewer.of(cell.cell.id)), model.mean, model.crops())
        x, y = cell.cell.centre
        text = f"{cell.cell.image.name[:30]}\n({x:g}, {y:g})\nlog-odds {found.log_odds:+.1f}"
        shown.append(heatmap_pair(found.region[..., ::-1], found.heat, text))
    figure = heatmap_page([Row(HEADING, shown)], model.run.dataset.pixel_um)
    with complete_or_absent(path) as partial:
        figure.savefig(partial, format="png", dpi=DPI, metadata={"Software": None})
