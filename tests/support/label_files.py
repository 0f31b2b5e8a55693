"""A drawn field with known nuclei, and the files in which each program would label them, written to its specification.

Every `write_*` takes the folder with field.png, the nuclei and their classes; it returns what to import.
"""

import base64
import csv
import gzip
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.drawn_field import draw_field
from tests.support.pictures import plain

SIZE = (480, 640)  # height, width
KINDS = ("NILM", "LSIL", "HSIL")
RADIUS = 9.0  # pixels of the outlines that are drawn about the nuclei


def drawn(folder: Path) -> np.ndarray:
    """Write field.png; returns its nuclei, float64 (N, 2) of x and y in pixel-centre coordinates."""
    folder.mkdir(parents=True, exist_ok=True)
    image, points = draw_field(seed=3, size=SIZE)
    cv2.imwrite(str(folder / "field.png"), image)
    return np.round(points, 2)


def pictures(folder: Path, *names: str) -> None:
    """Write a picture of another brightness under each name, in folders that are made."""
    for number, name in enumerate(dict.fromkeys(names)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), plain((60, 80, 3), 200 + number))


def kind_of(index: int) -> str:
    """The class of a nucleus."""
    return KINDS[index % len(KINDS)]


def ring(x: float, y: float, radius: float = RADIUS) -> list[list[float]]:
    """A closed circle about a place in pixel-centre coordinates, counted from the corner of the first pixel."""
    turns = np.linspace(0, 2 * np.pi, 33)
    return np.stack([x + 0.5 + radius * np.cos(turns), y + 0.5 + radius * np.sin(turns)], axis=1).tolist()


def box(x: float, y: float, width: float = 20.0, height: float = 24.0) -> tuple[float, float, float, float]:
    """Left, top, width and height of a box about a place, counted from the corner of the first pixel."""
    return x + 0.5 - width / 2, y + 0.5 - height / 2, width, height


def disc(x: float, y: float) -> np.ndarray:
    """A mask, uint8 (H, W), of one nucleus, its centre on a whole pixel."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, (round(x), round(y)), 8, 1, -1)
    return mask


def feature(geometry: dict, kind: str | None = None, **more) -> dict:
    """A GeoJSON feature as QuPath writes it."""
    properties = {"objectType": "annotation", **more.pop("properties", {})}
    if kind:
        properties["classification"] = {"name": kind, "color": [200, 0, 0]}
    return {"type": "Feature", "id": more.pop("id", None), "geometry": geometry, "properties": properties, **more}


def polygon(x: float, y: float, radius: float = RADIUS) -> dict:
    """A GeoJSON polygon about a place."""
    return {"type": "Polygon", "coordinates": [ring(x, y, radius)]}


def point(x: float, y: float) -> dict:
    """A GeoJSON point."""
    return {"type": "Point", "coordinates": [x + 0.5, y + 0.5]}


def collection(*features: dict) -> str:
    """A GeoJSON text."""
    return json.dumps({"type": "FeatureCollection", "features": features})


def write_csv(path: Path, header: str, rows: list) -> Path:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def write_qupath_cells(folder, points):
    shapes = [
        feature(polygon(x + 5, y - 4, 30), kind_of(i), nucleusGeometry=polygon(x, y), properties={"objectType": "cell"})
        for i, (x, y) in enumerate(points)
    ]
    (folder / "field.geojson").write_text(collection(*shapes))
    return folder / "field.geojson"


def write_qupath_points(folder, points):
    """Half of them alone, half together in a MultiPoint of each class, in QuPath 0.2's bare list, gzipped."""
    features = [feature(point(*points[i]), kind_of(i), id="PathAnnotationObject") for i in range(6)]
    for kind in KINDS:
        places = [point(*points[i])["coordinates"] for i in range(6, len(points)) if kind_of(i) == kind]
        features.append(feature({"type": "MultiPoint", "coordinates": places}, kind))
    with gzip.open(folder / "field.png.geojson.gz", "wt") as file:
        json.dump(features, file)
    return folder


def write_qupath_zip(folder, points):
    """Ellipses, as QuPath has exported them since 0.3, inside an annotation without a class."""
    children = [feature(polygon(x, y) | {"isEllipse": True}, kind_of(i)) for i, (x, y) in enumerate(points)]
    around = feature(polygon(300, 200, 190), properties={"childObjects": children})
    with zipfile.ZipFile(folder / "export.zip", "w") as packed:
        packed.writestr("field.geojson", collection(around))
        packed.writestr("__MACOSX/._field.geojson", b"\0\5")
    return folder / "export.zip"


def write_coco(folder, annotations):
    data = {
        "images": [{"id": 7, "file_name": "field.png", "width": SIZE[1], "height": SIZE[0]}],
        "categories": [{"id": i + 1, "name": kind} for i, kind in enumerate(KINDS)],
        "annotations": [
            {"id": 100 + i, "image_id": 7, "category_id": i % len(KINDS) + 1, **one}
            for i, one in enumerate(annotations)
        ],
    }
    (folder / "coco.json").write_text(json.dumps(data))
    return folder


def write_coco_boxes(folder, points):
    return write_coco(folder, [{"bbox": box(*place)} for place in points])


def write_coco_polygons(folder, points):
    return write_coco(folder, [{"segmentation": [np.ravel(ring(*place)).tolist()]} for place in points])


def write_coco_masks(folder, points):
    """Half compressed by pycocotools, half as plain counts."""
    rle = pytest.importorskip("pycocotools.mask", reason="make labels")
    annotations = []
    for index, place in enumerate(points):
        mask = np.asfortranarray(disc(*place))
        if index % 2:
            segmentation = rle.encode(mask)
            segmentation["counts"] = segmentation["counts"].decode()
        else:
            ends = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=0, append=0))
            counts = np.diff([0, *ends, mask.size])
            segmentation = {"size": list(SIZE), "counts": counts.tolist()}
        annotations.append({"segmentation": segmentation, "iscrowd": 1})
    return write_coco(folder, annotations)


def _yolo(folder, lines):
    for name in ("images/train", "labels/train"):
        (folder / name).mkdir(parents=True)
    (folder / "field.png").rename(folder / "images/train/field.png")
    (folder / "labels/train/field.txt").write_text("\n".join(lines) + "\n")


def write_yolo_boxes(folder, points):
    yaml = pytest.importorskip("yaml", reason="make labels")
    lines = []
    for index, place in enumerate(points):
        left, top, width, height = box(*place)
        fractions = np.array([left + width / 2, top + height / 2, width, height]) / (SIZE[::-1] * 2)
        lines.append(f"{index % len(KINDS)} " + " ".join(f"{value:.6f}" for value in fractions))
    _yolo(folder, lines)
    (folder / "data.yaml").write_text(yaml.safe_dump({"names": dict(enumerate(KINDS)), "train": "images/train"}))
    return folder


def write_yolo_polygons(folder, points):
    rings = [np.ravel(np.array(ring(*place)[:-1]) / SIZE[::-1]) for place in points]
    _yolo(folder, [f"{i % len(KINDS)} " + " ".join(f"{value:.6f}" for value in one) for i, one in enumerate(rings)])
    (folder / "labels/classes.txt").write_text("\n".join(KINDS) + "\n")
    return folder


def write_voc(folder, points):
    objects = []
    for index, place in enumerate(points):
        x, y = np.rint(place).astype(int).tolist()
        sides = zip(("xmin", "ymin", "xmax", "ymax"), (x - 9, y - 11, x + 11, y + 13), strict=True)  # the first is 1
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in sides)
        objects.append(f"<object><name>{kind_of(index)}</name><bndbox>{inner}</bndbox></object>")
    size = f"<size><width>{SIZE[1]}</width><height>{SIZE[0]}</height><depth>3</depth></size>"
    text = f"<annotation><filename>field.png</filename>{size}{''.join(objects)}</annotation>"
    (folder / "field.xml").write_text(text)
    return folder


def write_labelme(folder, points):
    """Its five shapes in turn."""
    shapes = []
    for index, (x, y) in enumerate(points):
        left, top, width, height = box(x, y)
        mask = disc(x, y)[round(y) - 10 : round(y) + 11, round(x) - 10 : round(x) + 11] * 255
        corner = [round(x) - 10, round(y) - 10]
        picture = base64.b64encode(cv2.imencode(".png", mask)[1]).decode()
        shape = [
            {"shape_type": "point", "points": [[x + 0.5, y + 0.5]]},
            {"shape_type": "polygon", "points": ring(x, y)},
            {"shape_type": "rectangle", "points": [[left + width, top], [left, top + height]]},
            {"shape_type": "circle", "points": [[x + 0.5, y + 0.5], [x + 9.5, y + 0.5]]},
            {"shape_type": "mask", "points": [corner, [corner[0] + 20, corner[1] + 20]], "mask": picture},
        ][index % 5]
        shapes.append({"label": kind_of(index), "group_id": None, "flags": {}, **shape})
    data = {"version": "5.4.1", "shapes": shapes, "imagePath": "..\\elsewhere\\field.png", "imageHeight": SIZE[0]}
    (folder / "field.json").write_text(json.dumps(data | {"imageWidth": SIZE[1]}))
    return folder


def write_sides(folder, points):
    rows = []
    for index, place in enumerate(points):
        left, top, width, height = box(*place)
        rows.append(["field.png", left, top, left + width, top + height, kind_of(index)])
    return write_csv(folder / "boxes.csv", "filename,xmin,ymin,xmax,ymax,class", rows)


def write_corners(folder, points):
    rows = [[*box(*place), "field", kind_of(i)] for i, place in enumerate(points)]
    return write_csv(folder / "boxes.csv", "x,y,width,height,image,label", rows)


def write_riva(folder, points):
    """The table of the RIVA challenge: x and y are the middle of a box of 100 pixels."""
    rows = [["field.png", x + 0.5, y + 0.5, 100, 100, i % 3, kind_of(i)] for i, (x, y) in enumerate(points)]
    return write_csv(folder / "train.csv", "image_filename,x,y,width,height,class,class_name", rows)


def write_screen_table(folder, points):
    """cells.csv of tools/screen.py, with a column that a person added."""
    rows = [["field.png", x, y, 50.0, 0.9, 0.7, kind_of(i)] for i, (x, y) in enumerate(points)]
    return write_csv(folder / "cells.csv", "image,x,y,area_um2,confidence,p_abnormal,class", rows).parent


def write_spreadsheet(folder, points):
    """Semicolons, decimal commas, R's row names without a heading, and a Mac's hidden file beside the image."""
    lines = ["image;nucleus.x;nucleus.y;Cell Type"]
    lines += [
        f"{i};field.png;{x};{y};{kind_of(i)}".replace(".", ",").replace(",png", ".png")
        for i, (x, y) in enumerate(points)
    ]
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    (folder / "._field.png").write_bytes(b"\0\5\x16\7")
    return folder / "mine.csv"


def write_pandas(folder, points):
    """QuPath's measurement table in micrometres, as pandas saves it; the pixel is 0.25 um."""
    rows = [[i, "field.png", kind_of(i), (x + 0.5) / 4, (y + 0.5) / 4] for i, (x, y) in enumerate(points)]
    return write_csv(folder / "mine.csv", ",Image,Classification,Centroid X µm,Centroid Y µm", rows)


def write_cric(folder, points):
    cells = [
        {"cell_id": 40 + i, "bethesda_system": kind_of(i), "nucleus_x": x + 1, "nucleus_y": y + 1}
        for i, (x, y) in enumerate(points)
    ]
    data = [{"image_id": 1, "image_doi": "10.0/x", "image_name": "field.png", "classifications": cells}]
    (folder / "classifications.json").write_text(json.dumps(data))
    return folder


def write_cric_csv(folder, points):
    header = "image_id,image_filename,image_doi,cell_id,bethesda_system,nucleus_x,nucleus_y"
    rows = [[1, "field.png", "10.0/x", 40 + i, kind_of(i), x + 1, y + 1] for i, (x, y) in enumerate(points)]
    return write_csv(folder / "classifications.csv", header, rows)


def write_label_maps(folder, points):
    """A map a class, in folders of that name, of 16 bits; numbers go on from class to class."""
    for number, kind in enumerate(KINDS):
        (folder / kind).mkdir()
        labels = np.zeros(SIZE, np.uint16)
        for index in range(number, len(points), len(KINDS)):
            labels[disc(*points[index]) > 0] = 250 + index
        cv2.imwrite(str(folder / kind / "field_mask.png"), labels)
    return folder
