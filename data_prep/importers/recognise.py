"""Which format a file or folder has, and its labels."""

import zipfile
from pathlib import Path
from types import ModuleType

from data_prep.importers import class_folders, json_files, masks, table, voc, yolo
from data_prep.importers.image_index import is_image, walk
from data_prep.importers.labelled import Labelled, Source
from deeppap.io.errors import CHECK_PATH, UserError

# in this order: the first that a folder has is read
READERS: tuple[ModuleType, ...] = (json_files, voc, table, yolo, class_folders, masks)


def read_labels(source: Source) -> list[Labelled]:
    """Every labelled object, in any known format; what is wrong with one of them is noted in `source.mistakes`.

    Raises UserError where there is no such file, or labels in no known format.
    """
    reader, files = _recognise(source)
    found: list[Labelled] = []
    for path in files:
        with source.reading(str(path), "labels"):
            found.extend(reader.read(path, source))
    source.format = source.format or reader.NAME
    return found


def _recognise(source: Source) -> tuple[ModuleType, list[Path]]:
    """What reads the source, and the files to read."""
    path = source.path
    if not path.exists():
        raise UserError(path, "labels: a file or a folder", "no such file or folder", CHECK_PATH)
    if path.is_file():
        _refuse_rois([path])
        return _reader_of(source), [path]
    files = list(walk(path))
    there = {reader: found for reader in READERS if (found := reader.label_files(source, files))}
    if there:
        reader, *others = there
        for other in others:
            if other not in (masks, class_folders):
                source.warn(f"{path}: {other.NAME} is there too and was not read. Name its file as SOURCE to read it.")
        return reader, there[reader]
    _refuse_rois(files)
    if any(is_image(file) and file.parent != path for file in files):
        return class_folders, [path]
    expected = "labels of QuPath, COCO, YOLO, Pascal VOC, LabelMe, CSV, masks, or folders of one class each"
    names = ", ".join(file.name for file in files[:3])
    raise UserError(path, expected, f"none of these ({names or 'no files'})", "See docs/how-to/import-labels.md.")


def _refuse_rois(files: list[Path]) -> None:
    """Say of ImageJ's ROIs, single ones or a RoiSet.zip, how to save what is read."""
    for path in files:
        names = [path.name]
        if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                names = packed.namelist()
        if any(name.lower().endswith(".roi") for name in names):
            do = (
                "In ImageJ, choose Centroid and Bounding rectangle in Set Measurements, measure the ROIs, save the "
                "table Results as CSV, and add the columns image and class."
            )
            raise UserError(path, "labels in a format that is read", "ROIs of ImageJ", do)


def _reader_of(source: Source) -> ModuleType:
    path, suffix = source.path, source.path.suffix.lower()
    if suffix in (*json_files.SUFFIXES, ".gz", ".zip"):
        return json_files
    if suffix == ".xml":
        return voc
    if suffix in (*table.SUFFIXES, ".txt"):
        return yolo if yolo.label_files(source, [path]) else table
    if is_image(path):
        return masks
    raise UserError(path, "labels: .geojson, .json, .xml, .csv, .txt, a mask or a folder", suffix, "Export it again.")
