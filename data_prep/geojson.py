"""GeoJSON as QuPath and `screen` write it: its features are found first, and decoded one by one.

A file of a whole slide has millions of numbers, which would take many times the text's memory if all were decoded.
"""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from deeppap.io.errors import UserError
from deeppap.io.files import BROKEN, human, open_regular

THRESHOLD_NAME = "P(abnormal) threshold"  # the measurement of a cell that `screen` called by another than 0.5
CALLED_NAME = "Called abnormal"  # 1 or 0: what `screen` called it where its rounded score alone may not tell
GIVEN_NAME = "Class given by a person"  # 1 for a cell whose class `screen` kept
MOST = 1_000_000_000  # bytes of GeoJSON, unpacked
MOST_FEATURES = 2_000_000  # more than any slide has nuclei
LONGEST = 10_000_000  # bytes of one feature; an outline of 1,000 corners takes 40,000
BLOCK = 1 << 24
BOM = b"\xef\xbb\xbf"  # a mark that some programs write at the start of UTF-8
DO = "Export it again."
# QuPath writes NaN for a measurement that it could not make, which is no JSON
NO_NUMBER = re.compile(rb"(?<=[:,\[\s])-?(NaN|Infinity)(?=[,\]}\s])")


class GeoJson(msgspec.Struct):
    """The features of a file, not yet decoded."""

    type: str = ""
    features: list[msgspec.Raw] | None = None
    image: Any = None  # name of the one that the features are of, in files of ours

    def __iter__(self) -> Iterator[bytes]:
        """The text of each feature."""
        return map(bytes, self.features)


def open_geojson(text: bytes | bytearray, where: str) -> GeoJson | None:
    """A FeatureCollection, QuPath's bare list, or a feature alone; None for JSON of another kind.

    Raises UserError for JSON that is damaged, too many features, and one that is too long.
    """
    try:
        found = _decoded(text)
    except msgspec.ValidationError:  # `type` is no text, or `features` no list
        return None
    except (ValueError, RecursionError) as error:
        raise UserError(where, "whole GeoJSON", str(error)[:100], DO) from None
    if found.features is None:
        return None
    if len(found.features) > MOST_FEATURES:
        raise UserError(where, f"at most {MOST_FEATURES:,} features", "more", "Export fewer at once.")
    if any(memoryview(one).nbytes > LONGEST for one in found.features):
        raise UserError(where, f"features of at most {human(LONGEST)}", "a longer one", "Export the nuclei alone.")
    found.image = found.image if isinstance(found.image, str) else None
    return found


def _decoded(text: bytes | bytearray) -> GeoJson:
    listed = text.lstrip()[:1] == b"["
    try:
        found = msgspec.json.decode(text, type=list[msgspec.Raw] if listed else GeoJson)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        if not NO_NUMBER.search(text):
            raise
        return _decoded(NO_NUMBER.sub(b"null", text))
    if listed:
        return GeoJson(features=found)
    if found.type == "Feature":
        found.features = [msgspec.Raw(bytes(text))]
    return found


def read_bounded(path: Path, opened: IO[bytes], most: int) -> bytearray:
    """All that a file holds, unpacked.

    Raises UserError if that is more than `most` bytes; no more of it is unpacked.
    """
    text = bytearray()
    # block by block: reading all at once holds it twice
    while block := opened.read(BLOCK):
        text += block
        if len(text) > most:
            raise UserError(path, f"at most {human(most)} of JSON", "more than that", "Export less at once.")
    if text.startswith(BOM):
        del text[: len(BOM)]
    return text


def read_geojson(path: Path) -> bytearray:
    """The text of a file, which may be gzipped.

    Raises UserError for a file that is missing, damaged or too large.
    """
    try:
        with open_regular(path) as raw:
            return read_bounded(path, gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw, MOST)
    except BROKEN as error:
        raise UserError(path, "a whole packed file", str(error)[:100], DO) from None
    except OSError as error:
        raise UserError(path, "a GeoJSON file", error.strerror or str(error), "Check the path.") from None
