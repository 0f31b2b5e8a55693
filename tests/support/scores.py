"""Labels and scores of cells that nobody scored."""

import numpy as np


def both_classes(seed: int, n: int = 60, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) of both classes and scores (n,) that know nothing of them."""
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    scores = rng.random(n)
    return labels, np.round(scores, 1) if ties else scores


def ordered(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """The same with scores that tell most cells apart."""
    labels, scores = both_classes(seed, n)
    return labels, np.clip(0.35 * labels + 0.65 * scores, 0, 1)
