"""The histogram of scores as an SVG in the page."""

from collections.abc import Sequence

from deeppap.screening.outputs import colours

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 150, 8, 22, 16


def histogram_svg(counts: Sequence[int]) -> str:
    """Bars of equal steps of P(abnormal) from 0 to 1, each with its count as a title."""
    highest, wide = max([*counts, 1]), (WIDTH - 2 * LEFT) / len(counts)
    bars = []
    for index, count in enumerate(counts):
        high = (HEIGHT - BOTTOM - TOP) * count / highest
        low, colour = index / len(counts), colours.hexadecimal(colours.colour_of((index + 0.5) / len(counts)))
        title = f"{low:.2f} to {low + 1 / len(counts):.2f}: {count:,} cells"
        bars.append(
            f'<rect class="bar" data-low="{low:.3f}" x="{LEFT + index * wide + 1:.1f}" '
            f'y="{HEIGHT - BOTTOM - high:.1f}" width="{wide - 2:.1f}" height="{high:.1f}" fill="{colour}">'
            f"<title>{title}</title></rect>"
        )
    marks = "".join(
        f'<text x="{LEFT + v / 10 * (WIDTH - 2 * LEFT):.0f}" y="{HEIGHT - 6}" text-anchor="middle">{v / 10:g}</text>'
        for v in range(0, 11, 2)
    )
    axis = f'<line x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}" stroke="#555"/>'
    top = f'<text x="{LEFT}" y="11">{highest:,} cells</text>' if any(counts) else ""
    label = "How many cells have which P(abnormal)"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(bars)}{axis}{marks}{top}</svg>'
    )
