"""What a nucleus is, what a detector of nuclei is, and the detectors by name."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from deeppap.io.errors import FieldError
from deeppap.screening.slides.slide import require_pixel_size

DETECTORS = ("threshold", "fcn")


@dataclass(frozen=True)
class Nucleus:
    """One nucleus of a field."""

    x: float  # its centre in pixels of the image it was found in, 0-based, sub-pixel; x is the column
    y: float
    area_um2: float  # square micrometres
    confidence: float  # 0..1; it orders the nuclei of one detector and is no probability
    # a closed polygon, float32 (N, 2) of x, y in the same pixels, if the detector drew one
    outline: np.ndarray | None = field(default=None, compare=False, repr=False)

    def moved(self, x: float, y: float) -> "Nucleus":
        """The same nucleus so many pixels further right and down."""
        outline = None if self.outline is None else self.outline + np.array([x, y], np.float32)
        return replace(self, x=self.x + x, y=self.y + y, outline=outline)


class Detector(Protocol):
    """Finds nuclei in a field."""

    work_mpp: float  # micrometres of the pixels that it works on; images of that size are not resampled
    margin_um: float  # how far from a tile's edge a nucleus must lie to be found as in the whole image

    def detect(self, image: np.ndarray, mpp: float, background: float | None = None) -> list[Nucleus]:
        """Nuclei of an image, uint8 (H, W) grey or (H, W, 3) BGR, of `mpp` micrometres a pixel, most certain first.

        `background` is the grey value of empty glass (`regions.background_of`), which the tiles of one slide share;
        None takes the image's own. An image without nuclei gives an empty list.

        Raises
        ------
        UserError
            For an image of another type or shape, and for a pixel size that no microscope has.
        """
        ...


def open_detector(name: str, weights: Path | None = None, confidence: float | None = None) -> Detector:
    """Open a detector, ready to run.

    Parameters
    ----------
    name : str
        `threshold` (needs nothing) or `fcn` (needs `weights`, the .caffemodel of tools/train_detector.py).
    confidence : float or None
        Nuclei below it are left out, 0..1; None takes the detector's own.

    Raises
    ------
    UserError
        For another name, and for weights that are missing, cut short, of another net, or not needed.
    """
    if name not in DETECTORS:
        raise FieldError("detector", f"one of {', '.join(DETECTORS)}", name, "Choose one of them.")
    if confidence is not None and not 0 <= confidence <= 1:
        do = "Leave it out for the detector's own."
        raise FieldError("confidence", "a number from 0 to 1", f"{confidence:g}", do)
    if name == "threshold":
        if weights is not None:
            raise FieldError("detector_weights", "none: this detector has no net", str(weights), "Use `detector` fcn.")
        from deeppap.screening.nuclei.threshold import ThresholdDetector

        return ThresholdDetector(confidence)
    if weights is None:
        raise FieldError("detector_weights", "the nucleus net's .caffemodel", "none", "Run tools/train_detector.py.")
    from deeppap.screening.nuclei.fcn import FcnDetector

    return FcnDetector(Path(weights), confidence)


def require_field(image: np.ndarray, mpp: float) -> None:
    """Refuse what is no image of a field, or has no plausible pixel size."""
    shape = tuple(image.shape)
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and shape[2] == 3)) or 0 in shape:
        found = f"{image.dtype} {shape}"
        raise FieldError("image", "uint8 (H, W) or (H, W, 3)", found, "Convert it to 8 bits, grey or colour.")
    require_pixel_size(mpp)
