"""What needs no net, measured on a data set under a split's folds."""

from pathlib import Path
from typing import Any

from data_prep.background import background_colours, image_sizes
from data_prep.cells import Dataset
from data_prep.nucleus import nucleus_areas
from deeppap.io.files import write_json
from deeppap.records import SplitRecord
from deeppap.stats.baselines import all_baselines


def measured_baselines(dataset: Dataset, split: SplitRecord) -> dict[str, Any]:
    """Every baseline; the masks and pictures are read here, once."""
    measured = nucleus_areas(dataset), background_colours(dataset), image_sizes(dataset)
    return all_baselines(dataset, split.folds, *measured)


def ensure_baselines(path: Path, dataset: Dataset, split: SplitRecord) -> None:
    """Write a run's baselines.json where there is none."""
    # areas and colours take as long as reading every image, and the split never changes
    if not path.exists():
        write_json(path, measured_baselines(dataset, split))
