"""Damages a text file at random and reads it, in a process of its own.

    python -m tests.support.fuzz_text KIND COUNT SEED

Prints what became of the mutations: how many were read and refused, the slowest, and the process' peak memory.
"""

import gzip
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import cv2

from data_prep.classes import PLAIN
from data_prep.importers.gather import gather
from data_prep.manifest import read_manifest
from deeppap.io.errors import UserError
from deeppap.scoring.score_files import read_scores, read_views
from deeppap.screening.nuclei_file import read_nuclei
from tests.support.pictures import plain

SIDE = 60
RING = [[10.5, 20], [30, 20], [30, 40], [10, 40], [10.5, 20]]
GEOJSON = {
    "type": "FeatureCollection",
    "image": "a.png",
    "features": [
        {
            "type": "Feature",
            "id": "one",
            "geometry": {"type": "Polygon", "coordinates": [RING]},
            "nucleusGeometry": {"type": "Polygon", "coordinates": [RING]},
            "properties": {"objectType": "cell", "classification": {"name": "LSIL"}, "childObjects": []},
        },
        {
            "type": "Feature",
            "geometry": {"type": "MultiPoint", "coordinates": [[5, 5], [50, 50]]},
            "properties": {"classification": {"names": ["NILM"]}, "measurements": {"P(abnormal)": 0.25}},
        },
    ],
}
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}],
    "categories": [{"id": 1, "name": "LSIL"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 20, 20], "segmentation": [[1, 1, 9, 1, 9, 9]]}
    ],
}
LABELME = {
    "imagePath": "a.png",
    "imageWidth": SIDE,
    "imageHeight": SIDE,
    "shapes": [{"label": "LSIL", "shape_type": "polygon", "points": RING}],
}
MANIFEST = b"image,label,nucleus_x,nucleus_y,group,id\na.png,0,3,4,g,one\na.png,abnormal,1.5,2,g,\n"
TABLE = b"image,x,y,width,height,class,id\na.png,10,20,20,20,LSIL,one\na.png,5,5,9,9,NILM,two\n"
POINTS = b"image,nucleus_x,nucleus_y\na.png,3,4\na.png,30.5,41\n"
SCORES = b"id,class7,label,score,spread,prob_0,prob_1\none,0,0,0.25,0.1,0.75,0.25\ntwo,4,1,0.9,0.05,0.1,0.9\n"
VIEWS = (
    b"id,view,angle,dx,dy,score,score_centre\n"
    b"one,0,0,0,0,0.5,0.5\none,1,36,0,0,0.5,0.4\ntwo,0,0,0,0,1,1\ntwo,1,36,0,0,1,1\n"
)
IDS = ["one", "two"]


def nuclei(path: Path) -> object:
    return read_nuclei(path, "a.png", (SIDE, SIDE), 0.2)


def labels(path: Path) -> object:
    return gather([path], images=path.parent)


# kind -> the whole file, its name, and what reads it
KINDS: dict[str, tuple[object, str, Callable[[Path], object]]] = {
    "nuclei-geojson": (GEOJSON, "a.geojson", nuclei),
    "nuclei-gz": (GEOJSON, "a.geojson.gz", nuclei),
    "nuclei-csv": (POINTS, "a.csv", nuclei),
    "labels-geojson": (GEOJSON, "a.geojson", labels),
    "labels-coco": (COCO, "a.json", labels),
    "labels-labelme": (LABELME, "a.json", labels),
    "labels-csv": (TABLE, "labels.csv", labels),
    "manifest": (MANIFEST, "cells.csv", read_manifest),
    "scores": (SCORES, "scores.csv", lambda path: read_scores(path, IDS, PLAIN)),
    "views": (VIEWS, "view_scores.csv", lambda path: read_views(path, IDS)),
}
ODD = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    float("nan"),
    "",
    "\x1b[2J",
    "=1+1",
    "a\nb",
    "\ud800",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
]
PIECES = [
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\xff\xfe",
    b"1e999",
    b"nan",
    b"-",
    b"'=",
    b"\xef\xbb\xbf",
]


def places(value: object) -> list[tuple]:
    """Every place in JSON, as what holds it and its key or index."""
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [one for key, inner in list(keys) for one in ((value, key), *places(inner))]


def damaged(whole: object, rng: random.Random) -> bytes:
    """The file with a few values of another kind, or with a few bytes changed, doubled, cut out or cut off."""
    if not isinstance(whole, bytes):
        value = json.loads(json.dumps(whole))
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            holder, key = rng.choice(places(value) or [({}, "x")])
            if rng.random() < 0.2:
                del holder[key]
            else:
                holder[key] = deepcopy(rng.choice(ODD))
        data = bytearray(json.dumps(value).encode())
    else:
        data = bytearray(whole)
    for _ in range(rng.choice((0, 0, 1, 2, 6))):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        change = rng.randrange(5)
        if change == 0:
            data[at : at + rng.randrange(4)] = rng.choice(PIECES)
        elif change == 1:
            data[at:at] = data[at:end]
        elif change == 2:
            del data[at : min(end, at + 9)]
        elif change == 3:
            del data[end:]
        else:
            data[at:at] = rng.randbytes(3)
    return bytes(data)


def main(kind: str, count: int, seed: int) -> None:
    whole, name, read = KINDS[kind]
    rng, found = random.Random(seed), {"read": 0, "refused": 0, "slowest": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        cv2.imwrite(str(path.parent / "a.png"), plain((SIDE, SIDE, 3), 200))
        for number in range(count):
            data = damaged(whole, rng)
            if name.endswith(".gz"):
                data = gzip.compress(data, 1)
                data = damaged(data, rng) if rng.random() < 0.5 else data
            path.write_bytes(data)
            start = time.perf_counter()
            try:
                read(path)
                found["read"] += 1
            except UserError as error:
                assert all(line.isprintable() for line in error.lines()), error
                found["refused"] += 1
            except BaseException:
                print(f"mutation {number} of seed {seed}: {data!r}", file=sys.stderr)
                raise
            found["slowest"] = max(found["slowest"], time.perf_counter() - start)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({**found, "megabytes": round(megabytes)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
