"""YOLO's text files, one an image: a line is a class number and a box, or a polygon, in fractions of the image."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data_prep.importers.image_index import is_image, plain
from data_prep.importers.labelled import HALF, Box, Labelled, Source, numbers, outlined
from deeppap.io.errors import UserError
from deeppap.io.files import open_text
from deeppap.io.machine import extra

NAME = "YOLO"
OFFERED = "predefined_classes.txt"  # by LabelImg, whatever was used
LISTS = ("classes.txt", "obj.names", "_darknet.labels", OFFERED)
FIRST = 10  # lines that are looked at for numbers; some programs begin with an empty one
MOST_YAML = 1_000_000  # characters
SLACK = 1e-3  # what rounding adds to a fraction of 1


def label_files(source: Source, files: list[Path]) -> list[Path]:
    """The text files of numbers; beside them every one that bears an image's name, which may have no object."""
    texts = [path for path in files if path.suffix.lower() == ".txt" and path.name not in LISTS]
    stems = {path.stem for path in files if is_image(path)}
    found = [path for path in texts if _is_label(path)]
    return found and [path for path in texts if path in found or path.stem in stems]


def _is_label(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        words = next((words for _ in range(FIRST) if (words := file.readline(1000).split())), [])
    try:
        return len(words) >= 5 and bool([float(word) for word in words])
    except ValueError:
        return False


def read(path: Path, source: Source) -> Iterator[Labelled]:
    """The objects of one image."""
    names = class_names(source.path)
    lines = [(number, line) for number, line in enumerate(_lines(path), 1) if line.strip()]
    if not lines:  # an image without objects
        return
    image = source.images.find(path.stem, path)
    for number, line in lines:
        where = f"{path}, line {number}"
        with source.reading(where, "a class number and fractions"):
            first, *rest = line.split()
            values = numbers(where, rest, len(rest), "a class number and fractions")
            if not all(-SLACK <= value <= 1 + SLACK for value in values):
                do = "Divide x and width by the image's width, y and height by its height."
                raise UserError(where, "fractions from 0 to 1", f"{max(values):g}", do)
            place = _place(where, values, source.images.size(image))
            yield Labelled(where, image, names.get(int(first), first), **place)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(path, "UTF-8 text", str(error), "Save it again as UTF-8.") from None


def _place(where: str, values: list[float], size: tuple[int, int]) -> dict:
    if len(values) == 4:
        x, y, width, height = (np.array(values) * [size[1], size[0], size[1], size[0]]).tolist()
        return {"centre": None, "box": Box.of_corners(x - width / 2, y - height / 2, x + width / 2, y + height / 2)}
    if len(values) >= 8 and len(values) % 2 == 0:
        return outlined(where, [np.array(values).reshape(-1, 2) * [size[1], size[0]] - HALF])
    expected = "4 fractions of a box, or 8 or more of a polygon"
    do = "A fifth one is the confidence of a prediction, and 6 or 7 are a pose: export boxes or polygons of labels."
    raise UserError(where, expected, f"{len(values)}", do)


def class_names(folder: Path) -> dict[int, str]:
    """Names by number, from the set's yaml or its list of names; none where there is neither.

    Raises UserError if two of them call a number by different names.
    """
    folder = folder if folder.is_dir() else folder.parent
    for above in (folder, folder.parent):  # SOURCE may be the folder labels/ itself
        found = {path: _of_yaml(path) for path in sorted([*above.glob("*.yaml"), *above.glob("*.yml")])}
        for path in (place / name for name in LISTS for place in (above, above / "labels")):
            if path.is_file() and not (path.name == OFFERED and any(found.values())):
                found[path] = {number: line.strip() for number, line in enumerate(_lines(path))}
        tables = [(path, names) for path, names in found.items() if names]
        for path, names in tables[1:]:
            first, known = tables[0]
            for number in sorted(names.keys() & known.keys()):
                if plain(names[number]) != plain(known[number]):
                    do = "Remove the file that is wrong."
                    raise UserError(path, f"class {number} called {known[number]} as in {first}", names[number], do)
        if tables:
            return tables[0][1]
    return {}


def _of_yaml(path: Path) -> dict[int, str]:
    yaml = extra("yaml", "YOLO's yaml", "labels")
    try:
        with open_text(path) as file:
            text = file.read(MOST_YAML + 1)
        # an alias can stand for more than any memory holds
        if len(text) > MOST_YAML or any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise UserError(path, "YAML without aliases", "aliases, or a very long file", "Give classes.txt.")
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        found = f"something else at line {place.line + 1}" if place else "something else"
        raise UserError(path, "YAML", found, "Correct it, or give classes.txt.") from None
    if isinstance(data, dict) and data.get("kpt_shape"):
        do = "Export boxes or polygons. A line of a pose cannot be told from one of a polygon."
        raise UserError(path, "a set of boxes or polygons", "one of poses (kpt_shape)", do)
    names = data.get("names") if isinstance(data, dict) else None
    pairs = dict(enumerate(names)) if isinstance(names, list) else names or {}
    if not (isinstance(pairs, dict) and all(str(number).isdecimal() for number in pairs)):
        raise UserError(path, "names: a list, or numbers and names", f"{names}"[:60], "Give classes.txt.")
    return {int(number): str(name) for number, name in pairs.items()}
