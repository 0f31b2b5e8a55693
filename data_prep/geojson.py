"""GeoJSON as QuPath and `screen` write it, read feature by feature: a file of a whole slide has millions of numbers.

Only the text is in memory, and one decoded feature at a time. Each feature is looked at once to find its end and once
to decode it.
"""

import gzip
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
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
# what tells how deep a place in JSON lies: a whole string, so that braces in it do not count, or a brace
TOKEN = re.compile(rb'"(?>[^"\\]+|\\.)*+"|[{}]', re.DOTALL)
OPENS = re.compile(rb"\s*:\s*\[")
SPACES = re.compile(rb"\s*")


class _Head(msgspec.Struct):
    """A collection without its features."""

    type: str = ""
    image: Any = None  # its name, in files of ours


@dataclass(frozen=True)
class GeoJson:
    """The text of a file, and where its features are."""

    text: bytes | bytearray
    spans: "array[int]"  # where each feature begins and ends
    image: str | None = None  # which the features are of, in files of ours

    def __iter__(self) -> Iterator[bytes]:
        """The text of each feature."""
        for at in range(0, len(self.spans), 2):
            yield bytes(self.text[self.spans[at] : self.spans[at + 1]])


def open_geojson(text: bytes | bytearray, where: str) -> GeoJson | None:
    """A FeatureCollection, QuPath's bare list, or a feature alone; None for JSON of another kind.

    Raises UserError for a list that is damaged or too long, and a feature that is too long.
    """
    first = SPACES.match(text).end()
    if text[first : first + 1] == b"[":
        spans, end = _spans(text, where, first + 1)
        return GeoJson(text, spans) if not text[end + 1 :].strip() else None
    begin = _list_of_features(text)
    head, spans = text, array("Q", [first, len(text)])
    if begin is not None:
        spans, end = _spans(text, where, begin)
        head = text[:begin] + text[end:]
    elif len(text) > LONGEST:
        return None
    try:
        found = msgspec.json.decode(head, type=_Head)
    except (ValueError, RecursionError):  # no JSON, or `type` is no text
        return None
    if begin is None and found.type != "Feature":
        return None
    return GeoJson(text, spans, found.image if isinstance(found.image, str) else None)


def _list_of_features(text: bytes | bytearray) -> int | None:
    """Where the list `features` of the outermost object begins."""
    depth = 0
    for token in TOKEN.finditer(text) if b'"features"' in text else ():
        depth += (token[0] == b"{") - (token[0] == b"}")
        if depth == 1 and token[0] == b'"features"' and (opens := OPENS.match(text, token.end())):
            return opens.end()
    return None


def _spans(text: bytes | bytearray, where: str, begin: int) -> "tuple[array[int], int]":
    """Where each object of a list begins and ends, and where the list ends."""
    spans, depth, start, end = array("Q"), 0, begin, begin
    for token in TOKEN.finditer(text, begin):
        if depth == 0:
            between = text[end : token.start()].strip()
            if between[:1] == b"]":
                break
            if token[0] != b"{" or between != (b"," if spans else b""):
                place = f"{where}, feature {len(spans) // 2 + 1}"
                raise UserError(place, "a list of GeoJSON features", bytes(token[0][:40]).decode(errors="replace"), DO)
            start = token.start()
        depth += (token[0] == b"{") - (token[0] == b"}")
        if token.end() - start > LONGEST:
            raise UserError(where, f"features of at most {human(LONGEST)}", "a longer one", "Export the nuclei alone.")
        if depth == 0:
            end = token.end()
            spans.extend((start, end))
            if len(spans) > 2 * MOST_FEATURES:
                raise UserError(where, f"at most {MOST_FEATURES:,} features", "more", "Export fewer at once.")
    end = SPACES.match(text, end).end()
    if depth or text[end : end + 1] != b"]":
        raise UserError(where, "a list of GeoJSON features", f"something else after {human(end)}", DO)
    return spans, end


def read_bounded(path: Path, opened: IO[bytes], most: int, head: int | None = None) -> bytearray:
    """All that a file holds, unpacked; or its first `head` bytes.

    Raises UserError if that is more than `most` bytes; no more of it is unpacked.
    """
    text = bytearray()
    # block by block: reading all at once holds it twice
    while block := opened.read(BLOCK if head is None else head - len(text)):
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
