"""What a call found, in a few numbers: screen.json, and what the terminal says."""

from dataclasses import dataclass, field

from deeppap.scoring.unlike import COLUMN, share_text
from deeppap.screening.cells import ABNORMAL, ScreenedCell
from deeppap.screening.parts import Part
from deeppap.screening.plan import Plan
from deeppap.screening.slides.slide import Box, Damage

BINS = 20


@dataclass
class ImageResult:
    """One image's cells in numbers; `damages` are the parts of it that could not be read, `undone` the tiles that were
    given up, with why.
    """

    plan: Plan
    cells: int = 0
    abnormal: int = 0
    marked: int | None = None  # cells unlike the net's training cells; None where no cell was compared with them
    left_out: int = 0
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    damages: dict[Damage, None] = field(default_factory=dict)  # as an ordered set: neighbours name the same one
    undone: dict[Box, str] = field(default_factory=dict)

    def add_part(self, part: Part) -> None:
        """Count what a part says of itself."""
        self.left_out += part.left_out
        self.damages |= dict.fromkeys(part.damages)

    def add(self, cell: ScreenedCell) -> None:
        """Count a cell."""
        self.cells += 1
        self.abnormal += cell.score >= ABNORMAL
        if cell.unlike_training is not None:
            self.marked = (self.marked or 0) + cell.unlike_training
        self.histogram[min(BINS - 1, int(cell.score * BINS))] += 1

    def above(self, threshold: float) -> int:
        """Cells of a score of `threshold`, an edge of the histogram's, or more."""
        return sum(self.histogram[round(threshold * BINS) :])

    def record(self) -> dict:
        """For screen.json."""
        plan = self.plan
        return {
            "image": plan.name,
            "sha256": plan.image_sha256,
            "width": plan.width,
            "height": plan.height,
            "um_per_pixel": plan.mpp,
            "key": plan.key,
            "given_nuclei": {"file": plan.nuclei_file, "sha256": plan.nuclei_sha256} if plan.nuclei else None,
            "cells": self.cells,
            "abnormal": self.abnormal,
            COLUMN: self.marked,
            "histogram": self.histogram,
            "unreadable": [{**damage.box._asdict(), "why": damage.why} for damage in self.damages],
            "undone": [{**tile._asdict(), "why": why} for tile, why in self.undone.items()],
            "nuclei_left_out_near_unreadable": self.left_out,
        }

    def lines(self) -> list[str]:
        """What the terminal says of the image."""
        where = f" at the nuclei of {self.plan.nuclei_file}" if self.plan.nuclei else ""
        many = f"{self.cells} cells{where}, {self.abnormal} with P(abnormal) of {ABNORMAL:g} or more"
        found = [f"{self.plan.name}: {many}"]
        if self.marked is not None:
            found.append(share_text(self.marked, self.cells))
        for damage in list(self.damages)[:5]:
            x, y, width, height = damage.box
            what = f"{width} x {height} pixels at {x}, {y} cannot be read"
            found.append(f"!! {self.plan.name}: {what} ({damage.why})")
        if len(self.damages) > 5:
            found.append(f"!! and {len(self.damages) - 5} more, all in screen.json")
        if self.left_out:
            found.append(f"!! {self.left_out} nuclei so near to them that a view would show it were left out")
        for tile, why in self.undone.items():
            what = f"{tile.width} x {tile.height} pixels at {tile.x}, {tile.y} were not screened"
            found.append(f"!! {self.plan.name}: {what}: {why}; the same command tries again")
        return found
