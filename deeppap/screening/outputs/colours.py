"""The colours of scores, one rule for every picture: five steps that the colour-blind can tell apart."""

# Okabe and Ito's blue, sky blue, yellow, orange and vermilion, RGB: from cold to warm, and light in the middle
STEPS = ((0, 114, 178), (86, 180, 233), (240, 228, 66), (230, 159, 0), (213, 94, 0))
NORMAL, ABNORMAL = STEPS[0], STEPS[-1]


def step_of(score: float) -> int:
    """Which fifth of 0..1 a score lies in, 0..4."""
    return min(len(STEPS) - 1, max(0, int(score * len(STEPS))))


def colour_of(score: float) -> tuple[int, int, int]:
    """A score's colour, RGB."""
    return STEPS[step_of(score)]


def hexadecimal(colour: tuple[int, int, int]) -> str:
    """A colour as web pages write it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def label_of(step: int) -> str:
    """A step's range of scores."""
    width = 1 / len(STEPS)
    return f"{step * width:.1f} to {(step + 1) * width:.1f}"
