"""A manifest whose images hold many cells each, their ids dealt out so that no list comes image after image."""

import csv
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_prep import cells
from deeppap.io import image_file


def write_field_cells(folder: Path, images: int = 4, each: int = 10) -> Path:
    """Noise images of 300 x 400 with `each` marked cells, half of them abnormal; returns the manifest."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    rows = []
    for image in range(images):
        picture = rng.normal(200, 8, (300, 400, 3)).clip(0, 255).astype(np.uint8)
        for place in range(each):
            x, y = 40 + 35 * place, 60 + 17 * (place % 9)
            cv2.circle(picture, (x, y), 6 + 4 * (place % 2), (120, 60, 100), -1)
            rows.append([f"f{image}.png", place % 2, x, y, f"g{image}", f"c{place:02d}_{image}"])
        cv2.imwrite(str(folder / f"f{image}.png"), picture)
    with (folder / "cells.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image", "label", "nucleus_x", "nucleus_y", "group", "id"], *rows])
    return folder / "cells.csv"


class Counts:
    """How often each image was decoded and each file hashed, by name, since `start`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.decoded, self.hashed = Counter(), Counter()
        decode, sha256 = image_file._read, cells.sha256_file

        def counted_decode(path, kinds):
            self.decoded[path.name] += 1
            return decode(path, kinds)

        def counted_sha256(path, *more):
            self.hashed[path.name] += 1
            return sha256(path, *more)

        monkeypatch.setattr(image_file, "_read", counted_decode)
        monkeypatch.setattr(cells, "sha256_file", counted_sha256)

    def start(self) -> None:
        """Count from nothing."""
        self.decoded.clear()
        self.hashed.clear()
