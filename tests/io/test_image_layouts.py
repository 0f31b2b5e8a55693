"""Every format in the layouts that its library writes: the same pixels and the same size by every way of reading."""

import struct
from functools import partial
from io import BytesIO

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from data_prep.importers.image_index import ImageIndex
from deeppap.io.errors import UserError
from deeppap.io.image_file import image_size, read_field, read_image
from deeppap.screening.nuclei.fields import Field
from deeppap.screening.slides.open_slide import open_slide
from deeppap.screening.slides.slide import Box
from tests.support.drawn_field import draw_field
from tests.support.pictures import encoded, png_bytes, tiff_bytes

PICTURE = np.ascontiguousarray(draw_field()[0][200:283, 300:417])  # BGR, of sides that no block divides
HEIGHT, WIDTH = PICTURE.shape[:2]
RGB = np.ascontiguousarray(PICTURE[..., ::-1])
ROTATED = bytes.fromhex("45786966000049492a0008000000010012010300010000000600000000000000")  # EXIF: orientation 6


def pillow(kind: str, **options):
    def write() -> bytes:
        out = BytesIO()
        Image.fromarray(RGB).save(out, kind, **options)
        return out.getvalue()

    return write


def interlaced() -> bytes:
    """Adam7: no library here writes it, so its seven passes are laid one after another."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [row for x, y, dx, dy in passes for row in RGB[y::dy, x::dx]]
    return png_bytes(WIDTH, HEIGHT, b"".join(b"\0" + row.tobytes() for row in rows), interlaced=1)


def png(*options):
    return partial(encoded, ".png", PICTURE, *options)


def opaque(suffix: str):
    return partial(encoded, suffix, np.dstack([PICTURE, np.full((HEIGHT, WIDTH), 255, np.uint8)]))


def png_information() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * 3000, zip=True)
    return pillow("PNG", pnginfo=info, dpi=(300, 300), icc_profile=b"x" * 200)()


def jpeg(*options):
    return partial(encoded, ".jpg", PICTURE, *options)


def bmp(header: int, down: bool = False):
    """A BMP of 24 bits with a header of so many bytes."""

    def write() -> bytes:
        rows = PICTURE if down else PICTURE[::-1]
        pixels = b"".join(row.tobytes().ljust((WIDTH * 3 + 3) // 4 * 4, b"\0") for row in rows)
        if header == 12:
            info = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
        else:
            info = struct.pack(
                "<IiiHHIIiiII", header, WIDTH, -HEIGHT if down else HEIGHT, 1, 24, 0, len(pixels), *[0] * 4
            )
        begin = 14 + header
        return b"BM" + struct.pack("<IHHI", begin + len(pixels), 0, 0, begin) + info.ljust(header, b"\0") + pixels

    return write


def tiff(pixels=RGB, **options):
    return partial(tiff_bytes, pixels, **options)


def cv_tiff(compression: int):
    return partial(encoded, ".tiff", PICTURE, cv2.IMWRITE_TIFF_COMPRESSION, compression)


def channels(*names: str):
    """OME's planes of these names."""
    named = {"Channel": {"Name": list(names)}} if names else {}
    return tiff(PLANES, ome=True, photometric="minisblack", metadata={"axes": "CYX", **named})


def thumbnail_first() -> bytes:
    out = BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(RGB[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        writer.write(RGB, photometric="rgb", metadata=None)
    return out.getvalue()


PLANES = np.ascontiguousarray(RGB.transpose(2, 0, 1))
ROWS = b"".join(b"\0" + row.tobytes() for row in RGB)  # of a PNG
TILE = {"tile": (32, 48)}
FACTORS = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
SAME = {  # pixels as they were drawn
    "png": png(),
    **{f"png compression {n}": png(cv2.IMWRITE_PNG_COMPRESSION, n) for n in (0, 1, 9)},
    **{f"png filter {n}": png(cv2.IMWRITE_PNG_FILTER, n) for n in (8, 16, 32, 64, 128, 248)},
    "png interlaced": interlaced,
    "png opaque alpha": opaque(".png"),
    "png by Pillow, optimised": pillow("PNG", optimize=True),
    "png with texts and a profile": png_information,
    "png rotated by EXIF": pillow("PNG", exif=ROTATED),
    **{f"bmp header {n}": bmp(n) for n in (12, 40, 52, 56, 64, 108, 124)},
    "bmp top-down": bmp(40, True),
    "bmp by OpenCV": partial(encoded, ".bmp", PICTURE),
    "bmp by Pillow": pillow("BMP"),
    "tif strip": tiff(),
    **{f"tif strips of {n}": tiff(rowsperstrip=n) for n in (1, 7, 83)},
    "tif tiles": tiff(**TILE),
    **{
        f"tif {name} {kind}{' predicted' if options.get('predictor') else ''}": tiff(
            compression=kind, **options, **place
        )
        for name, place in (("strips", {"rowsperstrip": 16}), ("tiles", TILE))
        for kind in ("lzw", "deflate", "adobe_deflate", "packbits", "zstd", "lzma")
        for options in ({}, {"predictor": True})
        if kind != "packbits" or not options
    },
    "tif jpeg2000 lossless": tiff(compression="jpeg2000", **TILE),
    **{f"tif {order}{' big' if big else ''}": tiff(byteorder=order, bigtiff=big) for order in "<>" for big in (0, 1)},
    "tif >, lzw, predicted": tiff(byteorder=">", compression="lzw", predictor=True, **TILE),
    "tif planes": tiff(PLANES, planarconfig="separate"),
    "tif planes in tiles": tiff(PLANES, planarconfig="separate", compression="deflate", predictor=True, **TILE),
    **{f"tif orientation {n}": tiff(extratags=[(274, 3, 1, n, True)]) for n in range(1, 9)},
    **{f"tif by libtiff, {n}": cv_tiff(n) for n in (1, 5, 8, 32773, 32946)},
    "tif opaque alpha": opaque(".tiff"),
    "tif by Pillow": pillow("TIFF", compression="tiff_lzw"),
    "ome z-stack": tiff(np.stack([RGB, RGB[::-1], RGB[:, ::-1]]), ome=True, metadata={"axes": "ZYXS"}),
    "ome channels": channels(),
    "ome channels with names": channels("Red", "Green", "Blue"),
    "imagej": tiff(RGB, imagej=True),
    "imagej channels": tiff(PLANES, imagej=True, photometric="minisblack", metadata={"axes": "CYX"}),
}
LOSSY = {  # pixels as libjpeg-turbo makes them by its defaults, which OpenCV takes too
    "jpeg": jpeg(),
    **{f"jpeg quality {n}": jpeg(cv2.IMWRITE_JPEG_QUALITY, n) for n in (5, 50, 100)},
    **{f"jpeg sampling {n:x}": jpeg(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, n) for n in FACTORS},
    "jpeg progressive": jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "jpeg restarts": jpeg(cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "jpeg optimised": jpeg(cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "jpeg rotated by EXIF": pillow("JPEG", exif=ROTATED),
    "jpeg RGB": pillow("JPEG", keep_rgb=True),
    "jpeg by Pillow": pillow("JPEG", subsampling=1, dpi=(300, 300)),
}
LOSSY |= {
    f"tif jpeg {model} {name} {more or ''}": tiff(
        compression="jpeg", photometric=model, compressionargs={"level": 95}, **more, **at
    )
    for model in ("rgb", "ycbcr")
    for name, at in (("strips", {"rowsperstrip": 16}), ("tiles", TILE))
    for more in ({}, *([{"subsampling": (2, 2)}, {"subsampling": (2, 1)}] if model == "ycbcr" else []))
}
LOSSY["tif jpeg planes"] = tiff(PLANES, planarconfig="separate", compression="jpeg", **TILE)


def with_alpha(suffix: str):
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[7, 9] = 254  # one pixel that is almost opaque
    return partial(encoded, suffix, np.dstack([PICTURE, alpha]))


def animation() -> bytes:
    out = BytesIO()
    more = [Image.fromarray(np.ascontiguousarray(RGB[::-1]))]
    Image.fromarray(RGB).save(out, "PNG", save_all=True, append_images=more)
    return out.getvalue()


def without_adobe() -> bytes:
    data = pillow_image("CMYK", "JPEG")()
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]


def pillow_image(mode: str, kind: str):
    def write() -> bytes:
        out = BytesIO()
        Image.fromarray(RGB).convert(mode).save(out, kind)
        return out.getvalue()

    return write


REFUSED = {
    "png palette": (pillow_image("P", "PNG"), "palette"),
    "png 16 bits": (partial(encoded, ".png", PICTURE.astype(np.uint16) * 257), "16 bits"),
    "png alpha": (with_alpha(".png"), "opaque"),
    "png grey and alpha": (pillow_image("LA", "PNG"), "alpha"),
    "png animated": (animation, "animation"),
    "png of too few rows": (partial(png_bytes, WIDTH, HEIGHT + 9, ROWS), "bytes of pixels"),
    "png of too many rows": (partial(png_bytes, WIDTH, HEIGHT - 9, ROWS), "bytes of pixels"),
    "png of one value": (partial(encoded, ".png", np.full((9, 9, 3), 7, np.uint8)), "one value"),
    "jpeg CMYK": (pillow_image("CMYK", "JPEG"), "CMYK"),
    "jpeg CMYK without Adobe's marker": (without_adobe, "CMYK"),
    "bmp palette": (pillow_image("P", "BMP"), "palette"),
    "bmp 32 bits": (partial(encoded, ".bmp", np.dstack([PICTURE, PICTURE[..., :1]])), "32 bits"),
    "png that is a GIF": (pillow_image("P", "GIF"), "a GIF"),
    "png that is a WebP": (pillow_image("RGB", "WEBP"), "a WebP"),
    "png that is a JPEG 2000": (pillow_image("RGB", "JPEG2000"), "a JPEG 2000"),
    "jpg that is a HEIC": (lambda: b"\0\0\0\x18ftypheic" + bytes(99), "a HEIC"),
    "tif palette": (pillow_image("P", "TIFF"), "palette"),
    "tif CMYK": (pillow_image("CMYK", "TIFF"), "separated"),
    "tif Lab": (tiff(photometric="cielab"), "cielab"),
    "tif 16 bits": (tiff(RGB.astype(np.uint16) * 257), "16 bits"),
    "tif alpha": (with_alpha(".tiff"), "opaque"),
    "tif floats": (tiff(RGB.astype(np.float32)), "sample format"),
    "tif with signs": (tiff(RGB.astype(np.int8)), "sample format 2"),
    "tif after its thumbnail": (thumbnail_first, "reduced copy"),
    "ome channels of other stains": (channels("DAPI", "FITC", "TRITC"), "DAPI"),
    "ome channels, blue first": (channels("Blue", "Green", "Red"), "Blue"),
    "tif white is 0": (tiff(RGB[..., 0], photometric="miniswhite"), "miniswhite"),
    "tif webp": (tiff(compression="webp"), "compression WEBP"),
    "tif four channels": (
        tiff(np.concatenate([PLANES, PLANES[:1]]), ome=True, photometric="minisblack", metadata={"axes": "CYX"}),
        "4 channels",
    ),
}


def slide_pixels(path):
    slide = open_slide(path)
    pixels, damages = slide.read(Box(0, 0, *slide.levels[0]))
    assert not damages
    return pixels


WAYS = {
    "read_image": read_image,
    "read_field": read_field,
    "screening": slide_pixels,
    "fields of a detector": lambda path: Field(path, np.empty((0, 2))).image(),
}


def written(tmp_path, name, data):
    path = tmp_path / f"picture.{name.split()[0].replace('ome', 'tif').replace('imagej', 'tif')}"
    path.write_bytes(data)
    return path


def all_ways(path):
    """The pixels that every way gives, which must be the same, with the same size."""
    pixels = read_image(path)
    for name, way in WAYS.items():
        assert np.array_equal(way(path), pixels), name
    assert image_size(path) == ImageIndex([path]).size(path) == pixels.shape[:2]
    return pixels


@pytest.mark.parametrize("name", SAME)
def test_pixels_are_those_that_were_stored(tmp_path, name):
    assert np.array_equal(all_ways(written(tmp_path, name, SAME[name]())), PICTURE)


@pytest.mark.parametrize("name", LOSSY)
def test_jpeg_data_are_decoded_as_libjpeg_does_by_its_defaults(tmp_path, name):
    path = written(tmp_path, name, LOSSY[name]())
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    assert np.array_equal(all_ways(path), cv2.imread(str(path), flags))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_by_every_way(tmp_path, name):
    write, found = REFUSED[name]
    path = written(tmp_path, name, write())
    # a header tells nothing of what the pixels are
    for way in (*WAYS.values(), *([] if found in ("one value", "bytes of pixels") else [image_size])):
        with pytest.raises(UserError, match=found):
            way(path)


@pytest.mark.parametrize("read", [read_image, image_size])
@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("a.jpg", pillow("JPEG", exif=ROTATED), "EXIF"),
        ("a.tif", lambda: tiff_bytes(RGB, extratags=[(274, 3, 1, 6, True)]), "EXIF"),
        ("a.tif", lambda: tiff_bytes(np.stack([RGB, RGB[::-1]])), "the first of its 2 pictures"),
        ("a.tif", pillow("TIFF", save_all=True, append_images=[Image.fromarray(RGB[::-1])]), "first of its 2 pictures"),
        ("a.tif", lambda: tiff_bytes(RGB.transpose(2, 0, 1), planarconfig="separate"), ""),
        ("a.jpg", pillow("JPEG"), ""),
    ],
)
def test_what_is_not_applied_or_not_read_is_said(tmp_path, capsys, read, name, write, said):
    (tmp_path / name).write_bytes(write())
    read(tmp_path / name)
    shown = capsys.readouterr().err
    assert said in shown and bool(said) == bool(shown)


def test_a_larger_picture_after_the_first_is_told_from_its_smaller_copies(tmp_path):
    for sizes, pictures in (((1, 2), 1), ((2, 1), 2)):  # each the divisor of its side
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for divisor in sizes:
                writer.write(np.ascontiguousarray(RGB[::divisor, ::divisor]), photometric="rgb")
        assert open_slide(tmp_path / "a.tif").pictures == pictures
