"""JSON label files: plain, gzipped or zipped, opened once; what is in one tells which program wrote it."""

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.geojson import MOST, open_geojson, read_bounded
from data_prep.importers import coco, cric, labelme, qupath
from data_prep.importers.labelled import Labelled, Source
from deeppap.io.errors import UserError
from deeppap.io.files import human

NAME = "JSON"
FORMATS = (qupath, cric, coco, labelme)
SUFFIXES = (".json", ".geojson")
MOST_OTHER = 64_000_000  # bytes of JSON that is decoded as a whole, into 20 times as much memory
LIKELY = re.compile(rb'"(Feature|FeatureCollection|shapes|classifications|annotations|geometry|classTitle)"')
DO = "Export it again."


def label_files(source: Source, files: list[Path]) -> list[Path]:
    """The files that look like labels; others, such as a program's settings, are passed over."""
    endings = (*SUFFIXES, ".zip")
    written = [path for path in files if path.name.lower().removesuffix(".gz").endswith(endings)]
    return [path for path in written if any(LIKELY.search(text) for _, text in _texts(path))]


def read(path: Path, source: Source) -> Iterator[Labelled]:
    """The objects of a file; a .zip may hold several."""
    for name, text in _texts(path):
        data = open_geojson(text, name) if qupath.LIKELY.search(text) else None
        if data is None and len(text) > MOST_OTHER:
            raise UserError(name, f"at most {human(MOST_OTHER)} of JSON that is not GeoJSON", "more", "Split it.")
        try:
            data = data or json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(name, "JSON", str(error)[:100], DO) from None
        known = _format_of(name, data)
        source.format = known.NAME
        yield from known.read(data, name, path, source)


def _format_of(name: str, data: Any) -> Any:
    for known in FORMATS:
        if known.matches(data):
            return known
    if isinstance(data, dict) and data.keys() >= {"objects", "size"}:
        raise UserError(name, "labels in a format that is read", "Supervisely's JSON", "Export the project as COCO.")
    found = f"an object with {', '.join(map(str, list(data)[:5]))}" if isinstance(data, dict) else type(data).__name__
    expected = f"labels as written by {', '.join(one.NAME for one in FORMATS)}"
    raise UserError(name, expected, f"other JSON ({found})", "Export it in one of these formats.")


def _texts(path: Path) -> Iterator[tuple[str, bytearray]]:
    """(name, text) of each JSON file in a path."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as packed:
                for name in sorted(packed.namelist()):
                    file = Path(name).name
                    if name.lower().endswith(SUFFIXES) and not file.startswith("."):
                        with packed.open(name) as opened:
                            yield f"{path}/{file}", read_bounded(path, opened, MOST)
        else:
            with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as opened:
                yield str(path), read_bounded(path, opened, MOST)
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise UserError(path, "a whole packed file", str(error)[:100], DO) from None
