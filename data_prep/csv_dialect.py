"""How a spreadsheet wrote a CSV: with commas, semicolons or tabs, and with points or commas in its numbers."""

import csv

SEPARATORS = ",;\t"
LONGEST = 1000  # characters of a heading that are looked at
NUMBERS = ("nucleus_x", "nucleus_y", "pixel_um")


def separator_of(heading: str) -> str:
    """What separates the values, told from the first line alone: an image's name may hold any of them."""
    try:
        return csv.Sniffer().sniff(heading[:LONGEST].strip(), SEPARATORS).delimiter
    except csv.Error:  # one column
        return SEPARATORS[0]


def with_points(row: dict[str, str], separator: str) -> dict[str, str]:
    """The row with decimal points in its numbers; commas are decimal ones only where they separate nothing."""
    if separator == ",":
        return row
    return {name: value.replace(",", ".") if name in NUMBERS else value for name, value in row.items()}
