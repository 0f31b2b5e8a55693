"""Detectors of nuclei by name."""

from pathlib import Path

from deeppap.io.errors import UserError
from deeppap.screening.nuclei.nucleus import Detector

NAMES = ("threshold", "fcn")


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
        For another name, for weights that are missing, cut, or of another net, and for weights that nothing needs.
    """
    if confidence is not None and not 0 <= confidence <= 1:
        raise UserError("confidence", "a number from 0 to 1", f"{confidence:g}", "Leave it out for the detector's own.")
    if name == "threshold":
        if weights is not None:
            raise UserError("weights", "none: the threshold detector has no net", str(weights), "Use --detector fcn.")
        from deeppap.screening.nuclei.threshold import ThresholdDetector

        return ThresholdDetector(confidence)
    if name == "fcn":
        if weights is None:
            do = "Make them with tools/train_detector.py."
            raise UserError("weights", "the nucleus net's .caffemodel", "none", do)
        from deeppap.screening.nuclei.fcn import FcnDetector

        return FcnDetector(Path(weights), confidence)
    raise UserError("detector", f"one of {', '.join(NAMES)}", name, "Choose one of them.")
