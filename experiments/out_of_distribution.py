"""Which kinds of cells a fold's net finds out of distribution: its test cells, changed ones, noise, another set.

    .venv/bin/python experiments/out_of_distribution.py --net runs/herlev-cell-quick/fold0
    ... --fields FIELDS/cric/nuclei.csv --mpp 0.247 --cells 50 --views 2

Prints, for each kind, the share of cells over the limit and the AUC that tells the kind from the fold's own test cells.
Needs the fold's images. Runs on the CPU, by Caffe.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from data_prep.cells import Cell
from data_prep.dataset import open_dataset
from data_prep.pixel_size import moved, read_cell_image, resample
from data_prep.views import REACH, rng
from deeppap.cli.tool import run
from deeppap.io.image_file import read_image
from deeppap.io.progress import progress
from deeppap.scoring.cell_views import CellViews, ViewChoice, of_pixels
from deeppap.scoring.ood import VIEWS, OODReference
from deeppap.scoring.score_cells import score_cells
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.external import as_seen

PLACES = 5  # empty places of a field


def grey(image: np.ndarray) -> np.ndarray:
    """Without colour, three equal channels."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


CHANGES = {
    "grey": grey,
    "blurred, sigma 2 pixels": lambda image: cv2.GaussianBlur(image, (0, 0), 2),
    "blurred, sigma 4 pixels": lambda image: cv2.GaussianBlur(image, (0, 0), 4),
    "inverted": lambda image: 255 - image,
}


def some(cells: Sequence[Cell], count: int) -> list[Cell]:
    """At most `count` cells; their ids alone decide which."""
    return sorted(cells, key=lambda cell: rng(1, "unlike", cell.id).random())[:count]


def changed(
    cells: Sequence[Cell], choice: ViewChoice, factor: float = 1.0, change: Callable = np.asarray
) -> Iterator[CellViews]:
    """Cells of a data set, image after image, resampled by a factor and changed."""
    last = None
    for cell in sorted(cells, key=lambda cell: (str(cell.image), cell.id)):
        if cell.image != last:
            whole = read_image(cell.image)
            last, image = cell.image, change(resample(whole, factor * cell.scale))
        yield of_pixels(image, moved(cell.centre, whole.shape, image.shape), choice, cell.image)


def empty_places(images: Sequence[tuple[Path, float]], choice: ViewChoice) -> Iterator[CellViews]:
    """The places of each field with the least contrast; none lies within the views of another."""
    size = (2 * REACH - 1, 2 * REACH - 1)
    for path, scale in images:
        image = read_cell_image(path, scale).pixels
        plain = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        deviation = np.sqrt(np.maximum(cv2.blur(plain * plain, size) - cv2.blur(plain, size) ** 2, 0))
        contrast = np.full_like(deviation, np.inf)  # infinite at the border, where views would leave the field
        contrast[REACH:-REACH, REACH:-REACH] = deviation[REACH:-REACH, REACH:-REACH]
        for _ in range(PLACES):
            y, x = np.unravel_index(contrast.argmin(), contrast.shape)
            if not np.isfinite(contrast[y, x]):
                break  # no room for another
            yield of_pixels(image, (float(x), float(y)), choice, path)
            contrast[max(0, y - REACH) : y + REACH, max(0, x - REACH) : x + REACH] = np.inf


def noise(count: int, choice: ViewChoice) -> Iterator[CellViews]:
    """Images of uniform random values."""
    random, side = np.random.default_rng(1), 2 * REACH + 1
    for _ in range(count):
        yield of_pixels(random.integers(0, 256, (side, side, 3), np.uint8), (REACH, REACH), choice, Path("<noise>"))


def kinds(model: TrainedModel, test: list[Cell], args) -> Iterator[tuple[str, Iterator[CellViews]]]:
    """Name and cells of each kind; the fold's own test cells come first."""
    choice = model.views(args.views)
    yield "the fold's own test cells", changed(test, choice)
    for factor in (2.0, 0.5):
        yield f"the same scaled by {factor:g}", changed(test, choice, factor)
    for name, change in CHANGES.items():
        yield f"the same {name}", changed(test, choice, change=change)
    yield "random noise", noise(args.cells, choice)
    if args.fields is None:
        return
    dataset = as_seen(open_dataset(args.fields, allow_partial=True), model.run, args.mpp)
    cells, name = some(dataset.cells, args.cells), dataset.root.name
    yield name, changed(cells, choice)
    for factor in (2.0, 0.5):
        yield f"{name} scaled by {factor:g}", changed(cells, choice, factor)
    yield (
        f"empty places of {name}",
        empty_places(sorted({cell.image: cell.scale for cell in dataset.cells}.items()), choice),
    )


def main() -> None:
    """Score every kind and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", required=True, help="a fold's folder, RUN/foldK")
    parser.add_argument("--fields", type=Path, help="a manifest of another data set")
    parser.add_argument("--mpp", type=float, help="side of its pixels in um: resampled to the training set's")
    parser.add_argument("--cells", type=int, default=100, help="cells of each kind at most (default: 100)")
    parser.add_argument("--views", type=int, default=VIEWS, help=f"views of each cell (default: {VIEWS})")
    args = parser.parse_args()
    model = TrainedModel.open(args.net)
    reference, test = OODReference.read(model.folder), model.fold_cells()["test"]
    ready, own = model.engine().view_input(model.mean, 1), None
    for name, cells in kinds(model, some(test, args.cells), args):
        bar = progress(score_cells(ready, cells, model.outputs, reference), desc=name, unit="cell")
        found = np.array([score.ood_score for score in bar])
        line = f"{name:32} {len(found):5} cells  {100 * (found > 1).mean():5.1f} % over the limit"
        if own is None:
            own = found
        else:
            truth = np.repeat([0, 1], [len(own), len(found)])
            line += f"  AUC {roc_auc_score(truth, np.concatenate([own, found])):.3f}"
        print(line)


if __name__ == "__main__":
    run(main)
