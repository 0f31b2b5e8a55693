"""A picture of cells of one's own beside themselves under the heat of where their scores come from."""

from pathlib import Path

from deeppap.engines.engine import Engine
from deeppap.io.errors import FieldError
from deeppap.io.files import complete_or_absent
from deeppap.report.figures.mosaic import Picture, Row
from deeppap.report.figures.photos import heatmap_page, heatmap_pair
from deeppap.scoring.own_cells import Place, cells_at
from deeppap.scoring.trained_model import TrainedModel
from deeppap.scoring.why import VIEWS, Heat, cell_heat, evidence_of

MOST = 40  # cells on one picture
DPI = 200
HEADING = "red speaks for abnormal, blue for normal; not a medical device"


def require_picture(path: Path, cells: int, nets: int) -> None:
    """Refuse, before anything long is begun, a file that is no PNG's, more cells than fit, or several nets' mean."""
    if nets > 1:
        raise FieldError("heatmap", "one net", f"{nets} nets", "Name one fold of the release.")
    if path.suffix.lower() != ".png":
        raise FieldError("heatmap", "a file name that ends in .png", str(path), "Give another name.")
    if cells > MOST:
        raise FieldError("heatmap", f"at most {MOST} cells", f"{cells}", "Ask for fewer at a time.")


def write_why_picture(path: Path, model: TrainedModel, engine: Engine, places: list[Place], views: int) -> None:
    """Write the picture, complete or not at all; of each cell the first of its views are asked, ten at most."""
    evidence, choice = evidence_of(model, engine), model.views(min(views, VIEWS))
    shown = [
        _picture(place, cell_heat(evidence, cell, model.mean, model.crops()))
        for place, cell in zip(places, cells_at(places, choice), strict=True)
    ]
    figure = heatmap_page([Row(HEADING, shown)], model.run.dataset.pixel_um)
    with complete_or_absent(path) as partial:
        figure.savefig(partial, format="png", dpi=DPI, metadata={"Software": None})


def _picture(place: Place, found: Heat) -> Picture:
    text = f"{place.image.name[:30]}\n({place.x:g}, {place.y:g})\nlog-odds {found.log_odds:+.1f}"
    return heatmap_pair(found.region[..., ::-1], found.heat, text)
