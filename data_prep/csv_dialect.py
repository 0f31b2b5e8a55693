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
    return {name: with_point(value, separator) if name in NUMBERS else value for name, value in row.items()}


def with_point(number: str, separator: str) -> str:
    """The same of one number."""
    return number if separator == "," else number.replace(",", ".")
