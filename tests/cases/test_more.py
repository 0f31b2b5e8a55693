"""More kinds of wrong files, each met once: what was read in silence is refused, and nothing waits for ever."""

import json
import struct
import zlib

import numpy as np
import pytest

from data_prep.importers.gather import gather
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
from deeppap.screening.nuclei_file import read_nuclei
from tests.support import label_files as files

SIZE = (600, 400)


def png(width: int, high: int, rows: int) -> bytes:
    """A PNG whose header claims `high` rows and whose pixels are `rows`, every checksum right."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = np.random.default_rng(1).integers(0, 256, (rows, width * 3), np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, high, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("claimed", "refused"), [(40, False), (60, True), (30, True)])
def test_a_png_has_as_many_rows_as_it_says(tmp_path, claimed, refused):
    path = tmp_path / "a.png"
    path.write_bytes(png(50, claimed, 40))
    if refused:
        with pytest.raises(UserError, match=r"a\.png"):
            read_image(path)
    else:
        assert read_image(path).shape == (40, 50, 3)


def test_signed_samples_are_refused(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pixels = np.random.default_rng(1).integers(0, 99, (40, 50, 3), np.int8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    with pytest.raises(UserError, match="sample format 2"):
        read_image(tmp_path / "a.tif")


def test_planes_of_other_stains_are_no_colours(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pixels = np.random.default_rng(1).integers(0, 99, (3, 40, 50), np.uint8)
    for names in (["DAPI", "FITC", "TRITC"], ["Blue", "Green", "Red"], ["Red", "Green", "Blue"]):
        metadata = {"axes": "CYX", "Channel": {"Name": names}}
        tifffile.imwrite(tmp_path / "a.ome.tif", pixels, photometric="minisblack", metadata=metadata)
        if names[0] == "Red":
            assert (read_image(tmp_path / "a.ome.tif")[..., ::-1].transpose(2, 0, 1) == pixels).all()
        else:
            with pytest.raises(UserError, match=names[0]):
                read_image(tmp_path / "a.ome.tif")


def test_a_thumbnail_is_not_read_in_place_of_its_picture(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    pixels = np.random.default_rng(1).integers(0, 99, (400, 500, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(pixels[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        writer.write(pixels, photometric="rgb", metadata=None)
    with pytest.raises(UserError, match="reduced copy"):
        read_image(tmp_path / "a.tif")


def nuclei(tmp_path, *features) -> list:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return read_nuclei(path, "field.png", SIZE, 0.25)


def feature(kind, coordinates, **properties):
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def test_nuclei_that_are_none_are_refused(tmp_path):
    bow = feature("Polygon", [[[40, 40], [80, 80], [80, 40], [50, 70], [40, 40]]])
    region = feature("Polygon", [[[9, 9], [40, 9], [40, 40], [9, 9]]], classification={"name": "Region*"})
    shares = [feature("Point", [0.24, 0.3]), feature("Point", [0.72, 0.29])]
    for wrong in ([bow], [region], shares):
        with pytest.raises(UserError, match=r"a\.geojson"):
            nuclei(tmp_path, *wrong)
    assert [(one.x, one.y) for one in nuclei(tmp_path, feature("Point", [62.5, 60.5]))] == [(62, 60)]


@pytest.mark.parametrize(
    "header", ["x,y,x2,y2", "x,y,box_width,box_height", "x,y,bw,bh", "x,y,Width (px),Height (px)", "x,y,y,z"]
)
def test_boxes_and_columns_of_one_name_are_no_points(tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\n49,50,26,20\n")
    with pytest.raises(UserError, match=r"a\.csv"):
        read_nuclei(tmp_path / "a.csv", "field.png", SIZE, 0.25)


def test_an_outline_that_crosses_itself_is_not_imported(tmp_path):
    files.drawn(tmp_path)
    text = json.dumps({"features": [feature("Polygon", [[[40, 40], [80, 80], [80, 40], [50, 70], [40, 40]]])]})
    text = text.replace('"properties": {}', '"properties": {"classification": {"name": "NILM"}}')
    (tmp_path / "field.png.geojson").write_text('{"type": "FeatureCollection", ' + text[1:])
    with pytest.raises(UserError, match="crosses itself|not cross itself"):
        gather([tmp_path / "field.png.geojson"])
