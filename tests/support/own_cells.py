"""A manifest of one's own cells, drawn small and plain: for tests alone."""

from pathlib import Path

import cv2
import numpy as np


def write_manifest(
    folder: Path, normal: int, abnormal: int, seed: int = 1, pixel_um: float | str = "", background: int = 200
) -> Path:
    """Write `folder`/cells.csv with pale discs as normal and dark ones as abnormal cells; returns its path.

    Two cells each are a group.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    lines = ["image,label,nucleus_x,nucleus_y,group,pixel_um"]
    for label, count in (("normal", normal), ("abnormal", abnormal)):
        for number in range(count):
            image = rng.normal(background, 6, (40, 40, 3)).clip(0, 255).astype(np.uint8)
            cv2.circle(image, (20, 20), 8, (150, 120, 150) if label == "normal" else (90, 40, 80), -1)
            cv2.imwrite(str(folder / f"{label}_{number}.png"), image)
            lines.append(f"{label}_{number}.png,{label},20,20,g{number // 2},{pixel_um}")
    (folder / "cells.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "cells.csv"
