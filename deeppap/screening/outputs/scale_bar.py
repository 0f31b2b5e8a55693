"""How long a scale bar is."""

LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)


def scale_bar(pixels: int, mpp: float) -> tuple[int, str]:
    """The longest round length that takes at most a fifth of a picture's width: in pixels, and in words."""
    longest = pixels * mpp / 5
    micrometres = max([length for length in LENGTHS if length <= longest], default=LENGTHS[0])
    words = f"{micrometres} um" if micrometres < 1000 else f"{micrometres // 1000} mm"
    return max(1, round(micrometres / mpp)), words
