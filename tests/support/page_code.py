"""The listings of a documentation page, and running its Python as it is written there."""

import re
from pathlib import Path

import cv2
import numpy as np


def blocks(page: Path, language: str = "python") -> list[str]:
    """The listings of a page in one language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_in(place: Path, code: str, run: Path, name: str, field: str, monkeypatch) -> dict:
    """Run code in `place`, where `runs/<name>` is a trained run and `field` a picture; returns the names it leaves."""
    (place / "runs").mkdir()
    (place / "runs" / name).symlink_to(run)
    (place / field).parent.mkdir()
    cv2.imwrite(str(place / field), np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8))
    monkeypatch.chdir(place)
    names: dict = {}
    exec(code, names)  # noqa: S102 (our own documentation)
    return names
