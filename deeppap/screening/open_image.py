"""The images of a screening, kept open, and tied by their bytes to what was planned.

Reading a slide of gigabytes for every tile would take longer than scoring it. So its sha256 is computed when it is
planned and after the last result. In between its files' facts are compared before and after each tile: length, times of
change and number on the disk. No program can set them all back. Where they differ, as on another node, the sha256 is
computed again.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_prep.image_hashes import pixel_sha256
from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file
from deeppap.io.image_file import MAX_PIXELS
from deeppap.screening.nuclei.regions import background_of
from deeppap.screening.slides.open_slide import companions, open_slide
from deeppap.screening.slides.overview import SIDE, Tissue, find_tissue, overview
from deeppap.screening.slides.slide import Slide

if TYPE_CHECKING:
    from deeppap.screening.plan import ImagePlan


@dataclass(frozen=True)
class OpenImage:
    """An open image, and what its tiles share of its overview, computed when it is first needed."""

    slide: Slide
    facts: str  # of its files when it was opened

    @cached_property
    def _overview(self) -> tuple[np.ndarray, np.ndarray]:
        return overview(self.slide, SIDE)

    @property
    def small(self) -> np.ndarray:
        """The overview, uint8; shared, so copy it before writing into it."""
        return self._overview[0]

    @cached_property
    def tissue(self) -> Tissue:
        """Where there is anything at all."""
        small, lost = self._overview
        return find_tissue(small, *self.slide.levels[0], lost)

    @property
    def pixels_sha(self) -> str | None:
        """The checksum of all pixels, as sets of training images keep it; None of an image too large to be one."""
        width, height = self.slide.levels[0]
        if width * height > MAX_PIXELS:
            return None
        # an image up to this side is its own overview, which is read anyway
        whole = self.small if max(width, height) <= SIDE else overview(self.slide, max(width, height))[0]
        return pixel_sha256(whole)

    @cached_property
    def glass(self) -> float:
        """The grey value of empty glass."""
        return background_of(self.small)


def file_facts(path: Path) -> str:
    """Of an image's files: what changes whenever anybody writes to one or puts another in its place."""
    found = [(p.name, p.stat()) for p in (path, *companions(path)) if p.exists()]
    return digest([[name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in found])


@lru_cache(maxsize=64)
def image_sha256(path: Path, facts: str) -> str:
    """Of an image's bytes, while its files are as `facts` says; of a slide in many files, of all of them.

    Raises UserError if it is replaced meanwhile.
    """
    # a .mrxs is a list of names: its pixels lie in the files of a folder beside it
    others = [[p.name, sha256_file(p)] for p in companions(path) if p.is_file()]
    found = digest(sha256_file(path), others) if others else sha256_file(path)
    if file_facts(path) != facts:
        raise changed(path)
    return found


def changed(path: Path) -> UserError:
    """The error for a file that is not the one that a screening was planned for."""
    do = "Run the same command again, once nobody writes to it."
    return UserError(path, "the file as it was when the screening was planned", "another one", do)


def open_image(image: str) -> OpenImage:
    """An image, kept open until the process opens another, or until its files change."""
    path = Path(image)
    return _open_image(path, file_facts(path))


@lru_cache(maxsize=1)
def _open_image(path: Path, facts: str) -> OpenImage:
    return OpenImage(open_slide(path), facts)


def close_image() -> None:
    """Let go of the image that is kept open."""
    _open_image.cache_clear()


def planned_image(plan: "ImagePlan") -> OpenImage:
    """The open image of a plan.

    Raises UserError if its bytes are not those that were planned.
    """
    image, path = open_image(plan.image), Path(plan.image)
    if image.facts != plan.facts and image_sha256(path, image.facts) != plan.image_sha:
        raise changed(path)
    return image


def require_unchanged(plan: "ImagePlan", image: OpenImage) -> None:
    """Refuse what was read of an image if its files have changed since it was opened."""
    if file_facts(Path(plan.image)) != image.facts:
        raise changed(Path(plan.image))


def require_same_bytes(plan: "ImagePlan") -> None:
    """Refuse all that was read of an image unless it still has the bytes that were planned."""
    path = Path(plan.image)
    # else it would answer from before the screening
    image_sha256.cache_clear()
    if not path.exists() or image_sha256(path, file_facts(path)) != plan.image_sha:
        raise changed(path)
