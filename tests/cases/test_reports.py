"""Mistakes that users of other software reported, each made here by code, with the value that is right.

A new report is one more row: what it is, where the like was first met, a function that writes it, and what is right.
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from io import BytesIO, StringIO
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import tifffile

from data_prep.importers.gather import gather
from data_prep.importers.image_index import walk
from data_prep.nucleus import centroid
from data_prep.views import Grid
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_field
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.classify import cells_in_csv
from deeppap.screening.nuclei.fields import read_fields, read_nuclei_mask
from deeppap.screening.nuclei_file import read_nuclei
from deeppap.screening.slides.open_slide import find_images, open_slide
from tests.support import label_files as files
from tests.support.drawn_field import draw_field
from tests.support.pictures import encoded, tiff_bytes

PICTURE = np.ascontiguousarray(draw_field()[0][:200, :256])  # BGR
RGB = np.ascontiguousarray(PICTURE[..., ::-1])
PLANES = np.ascontiguousarray(RGB.transpose(2, 0, 1))
NUCLEI = [(62.0, 60.0), (186.0, 58.0), (120.0, 148.0)]


class Report(NamedTuple):
    """What was reported, the software where the like was met, how to make it, and the right value."""

    what: str
    met: str
    make: Callable[[], bytes]
    right: object  # the pixel size, None where none is stated, or the words of a refusal
    same: bool = True  # whether the pixels are those that were drawn


def tiff(pixels=RGB, **options):
    return partial(tiff_bytes, pixels, **options)


def sized(x: float, y: float, unit: str):
    return {"resolution": (x, y), "resolutionunit": unit}


def jpeg(spoil: Callable[[bytearray], bytes]):
    return lambda: bytes(spoil(bytearray(encoded(".jpg", PICTURE))))


def zeroed(data: bytearray) -> bytes:
    half = len(data) // 2
    data[half : half + 300] = bytes(300)
    return bytes(data)


def damaged_lzw() -> bytes:
    data = bytearray(tiff(compression="lzw", rowsperstrip=50)())
    with tifffile.TiffFile(BytesIO(data)) as file:
        place = file.pages[0].dataoffsets[2] + 400
    data[place : place + 40] = bytes(40)
    return bytes(data)


def ome(x: str, y: str, unit: str = "µm") -> str:
    """OME's XML with pixel sizes as texts."""
    sizes = "".join(f' PhysicalSize{axis}="{n}" PhysicalSize{axis}Unit="{unit}"' for axis, n in (("X", x), ("Y", y)))
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="256" SizeY="200" SizeC="3" SizeZ="1" '
        f'SizeT="1"{sizes}><Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData/></Pixels></Image></OME>'
    )


def described(text: str, **options):
    return tiff(description=text.encode(), **options)


SPACING = (
    '<?xml version="1.0"?><DataObject ObjectType="DPUfsImport"><Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028" '
    'PMSVR="IDoubleArray">&quot;{}&quot; &quot;{}&quot;</Attribute></DataObject>'
)
CM = sized(4e4, 4e4, "CENTIMETER")
OME = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
PICTURES = [
    Report(
        "z-stack of channels as planes",
        "Bio-Formats",
        tiff(np.stack([PLANES, PLANES[:, ::-1]]), ome=True, photometric="minisblack", metadata={"axes": "ZCYX", **OME}),
        0.25,
    ),
    Report(
        "two channels",
        "ImageJ",
        tiff(PLANES[:2], imagej=True, photometric="minisblack", metadata={"axes": "CYX"}),
        "2 channels",
    ),
    Report("JPEG cut", "PyTorch's data sets", jpeg(lambda data: data[: len(data) // 2]), "damaged JPEG data"),
    Report("JPEG cut, with an end", "cameras", jpeg(lambda d: d[: len(d) // 2] + b"\xff\xd9"), "damaged JPEG data"),
    Report("JPEG zeroed in its middle", "failing disks", jpeg(zeroed), "damaged JPEG data"),
    Report("damaged LZW strip", "libtiff", damaged_lzw, "damaged"),
    Report("inches", "Photoshop", tiff(**sized(101_600, 101_600, "INCH")), 0.25),
    Report("centimetres", "QuPath", tiff(**CM), 0.25),
    *[Report(f"{dpi} dpi", "any program", tiff(**sized(dpi, dpi, "INCH")), None) for dpi in (72, 300)],
    Report("not square", "scanners", tiff(**sized(1e4 / 0.25, 1e4 / 0.3, "CENTIMETER")), "0.25 x 0.3"),
    *[
        Report(
            f"ImageJ's unit {unit}",
            "ImageJ",
            tiff(imagej=True, resolution=(per, per), metadata={"unit": unit, "axes": "YXS"}),
            0.25,
        )
        for unit, per in (("um", 4), ("micron", 4), ("\\u00B5m", 4), ("mm", 4000), ("cm", 40_000), ("nm", 0.004))
    ],
    Report(
        "ImageJ's pixels",
        "ImageJ",
        tiff(imagej=True, resolution=(4, 4), metadata={"unit": "pixel", "axes": "YXS"}),
        None,
    ),
    Report("Philips", "OpenSlide", described(SPACING.format("0.00025", "0.00025")), 0.25),
    Report("Philips, not square", "OpenSlide", described(SPACING.format("0.00025", "0.00026")), "0.26 x 0.25"),
    Report("Aperio", "OpenSlide", described("Aperio Image Library v11\r\n256x200|AppMag = 40|MPP = 0.2500"), 0.25),
    Report("OME in nanometres", "Bio-Formats", described(ome("250", "250", "nm")), 0.25),
    Report("OME in millimetres", "Bio-Formats", described(ome("2.5E-4", "2.5E-4", "mm")), 0.25),
    Report("OME in pixels", "scripts", described(ome("0.25", "0.25", "pixel")), None),
    Report("OME, 0.8 % from square", "Bio-Formats", described(ome("0.25", "0.252")), 0.25),
    Report("OME, not square", "Bio-Formats", described(ome("0.25", "0.26")), "0.25 x 0.26"),
    *[Report(f"OME of {text}", "scripts", described(ome(text, text)), None) for text in ("nan", "1e999", "-1", "0")],
    Report("grey", "microscopes", partial(encoded, ".png", PICTURE[..., 1]), None, False),
]


@pytest.mark.parametrize("report", PICTURES, ids=lambda report: report.what)
def test_pictures(tmp_path, report):
    path = tmp_path / "picture.tif"  # formats are told by their bytes
    path.write_bytes(report.make())
    if isinstance(report.right, str):
        with pytest.raises(UserError, match=report.right) as caught:
            open_slide(path)
            read_field(path)
        assert str(caught.value).isprintable()
        return
    slide = open_slide(path)
    assert slide.mpp == (report.right and pytest.approx(report.right, rel=1e-3))
    if report.same:
        assert np.array_equal(read_field(path), PICTURE)


def test_what_a_file_states_is_said(tmp_path):
    for report in PICTURES:
        if report.what in ("72 dpi", "OME of nan"):
            (tmp_path / "a.tif").write_bytes(report.make())
            assert open_slide(tmp_path / "a.tif").stated != "none"


def test_a_pyramid_whose_small_copy_is_blank_is_a_picture(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(RGB, photometric="rgb", metadata=None, tile=(64, 64))
        file.write(
            np.full((100, 128, 3), 240, np.uint8), photometric="rgb", metadata=None, tile=(64, 64), subfiletype=1
        )
    assert len(open_slide(path).levels) == 2


def test_sidecars_of_macs_are_passed_over(tmp_path, capsys):
    (tmp_path / "field_01.png").write_bytes(encoded(".png", PICTURE))
    (tmp_path / "._field_01.png").write_bytes(b"\0\5\x16\7" + bytes(4092))
    own = tmp_path / "field_01.png"
    for listed in (find_images([tmp_path]), list(walk(tmp_path)), find_images([tmp_path])):
        assert listed == [own]
    (tmp_path / "field_01.csv").write_text("60,62\n")
    assert [field.path for field in read_fields(tmp_path)] == [own]
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "1 file" in said
    (tmp_path / "field_02.WebP").touch()
    assert find_images([tmp_path]) == [own]
    assert "field_02.WebP" in capsys.readouterr().err


def disc(value: int, radius: int, mask: np.ndarray | None = None, at=(62, 60)) -> np.ndarray:
    return cv2.circle(np.zeros((200, 256), np.uint8) if mask is None else mask, at, radius, value, -1)


MASKS = [
    Report("0 and 255", "any program", lambda: disc(255, 11), (62, 60)),
    Report("number 1 in 16 bits", "CellPose", lambda: disc(1, 11).astype(np.uint16), (62, 60)),
    Report("inverted", "ImageJ", lambda: 255 - disc(255, 11), "inverted"),
    Report("inverted, cells at its corner", "ImageJ", lambda: 255 - disc(255, 20, disc(255, 11), (0, 0)), "inverted"),
    Report("cytoplasm 1, nucleus 2", "SIPaKMeD", lambda: disc(2, 11, disc(1, 40, at=(72, 52))), "map"),
    Report("cytoplasm 128, nucleus 255", "CVAT", lambda: disc(255, 11, disc(128, 40, at=(72, 52))), "map"),
]


@pytest.mark.parametrize("report", MASKS, ids=lambda report: report.what)
def test_masks(tmp_path, report):
    path = tmp_path / "mask.png"
    cv2.imwrite(str(path), report.make())
    ways = (lambda: centroid(path, (200, 256)), lambda: tuple(read_nuclei_mask(path)[1][0]))
    for way in ways:
        if isinstance(report.right, str):
            with pytest.raises(UserError, match=report.right):
                way()
        else:
            assert way() == pytest.approx(report.right)


def table(header: list[str], rows: list[list]) -> bytes:
    out = StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().encode()


def named(rows: list) -> bytes:
    """A list whose first column, the number of a row, has no name."""
    return table(["", "image", "nucleus_x", "nucleus_y"], [[i, "truth.png", x, y] for i, (x, y) in rows])


SHARES = [(x / 256, y / 200) for x, y in NUCLEI]
CORNERS = [[1, x - 13, y - 10, 26, 20] for x, y in NUCLEI]
LISTS = [
    Report("boxes by a corner", "COCO", lambda: table(["class", "x", "y", "width", "height"], CORNERS), "boxes"),
    Report(
        "YOLO's boxes",
        "Ultralytics",
        lambda: table(["class", "x", "y", "w", "h"], [[0, x, y, 0.1, 0.1] for x, y in SHARES]),
        "boxes",
    ),
    Report(
        "shares of the image",
        "Ultralytics",
        lambda: table(["image", "nucleus_x", "nucleus_y"], [["truth.png", x, y] for x, y in SHARES]),
        "0 to 1",
    ),
    Report("an index without a name", "pandas", lambda: named(list(enumerate(NUCLEI))), NUCLEI),
    Report("row names", "R", lambda: named(list(enumerate(NUCLEI, 1))), NUCLEI),
]


@pytest.mark.parametrize("report", LISTS, ids=lambda report: report.what)
def test_lists_of_nuclei(tmp_path, report):
    path = tmp_path / "nuclei.csv"
    path.write_bytes(report.make())
    cv2.imwrite(str(tmp_path / "truth.png"), PICTURE)

    def screened() -> list:
        return [(n.x, n.y) for n in read_nuclei(path, "truth.png", (256, 200), 0.25)]

    def classified() -> list:
        return [cell.cell.centre for cell in cells_in_csv(path, ViewChoice(Grid(1, 1), 1, 1))]

    for way in (screened, classified):
        if isinstance(report.right, str):
            with pytest.raises(UserError, match=f"{report.right}|expected columns"):
                way()
        else:
            assert way() == report.right


SIZE = (600, 400)


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
