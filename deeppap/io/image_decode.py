"""PNG, BMP and JPEG through Pillow and libjpeg-turbo: what a header says, and pixels where all of them are sound."""

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, NamedTuple

import cv2
import numpy as np

PNG, JPEG, BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
COLOUR, ALPHA, GREY = "colour", "colour with an alpha channel", "a grey image of 8 bits"
ORIENTATION = 274  # EXIF's tag and TIFF's
TURNED = range(2, 9)  # its values that ask for another picture than is stored
# what a byte of the file can become: zlib's limit; two bits for each block of 8 x 8 grey pixels of a JPEG
PNG_BYTES, JPEG_PIXELS, RLE_PIXELS = 1032, 512, 128
SCAN_PIXELS = 2_000_000_000  # of all scans of a JPEG: some ten of the largest image; a file of 1,000 takes minutes
KINDS = {
    "RGB": COLOUR,
    "BGR": COLOUR,
    "RGBA": ALPHA,
    "L": GREY,
    "1": "an image of 1 bit a pixel",
    "L;2": "a grey image of 2 bits",
    "L;4": "a grey image of 4 bits",
    "I;16B": "a grey image of 16 bits",
    "LA": "a grey image with an alpha channel",
    "RGB;16B": "an image of 16 bits a channel",
    "RGBA;16B": "an image of 16 bits a channel, with an alpha channel",
    "LA;16B": "a grey image of 16 bits, with an alpha channel",
    "CMYK": "a CMYK image of four channels",
    "BGR;15": "an image of 16 bits a pixel",
    "BGR;16": "an image of 16 bits a pixel",
}


class DamagedError(Exception):
    """A file whose pixels cannot all be known; its text says what was found."""


class Header(NamedTuple):
    """What an image file says of itself, and what decodes it."""

    width: int
    height: int
    kind: str  # COLOUR, ALPHA, GREY, or what else it is, in words
    decode: Callable[[], np.ndarray]  # (H, W) or (H, W, 3 or 4) in OpenCV's order of channels; raises what it meets
    turned: bool = False  # whether it asks to be shown in another orientation than it is stored in


def open_header(file: IO[bytes], size: int) -> Header | None:
    """The header of an open PNG, BMP or JPEG of `size` bytes; None of other formats.

    The plug-ins of Pillow are called one by one: Image.open has a bound on pixels that anybody may set, and tries
    every format that it knows.

    Raises DamagedError if the header is cut short, or claims what the file cannot hold.
    """
    start = file.read(8)
    file.seek(0)
    opened = next((own for magic, own in OPENERS.items() if start.startswith(magic)), None)
    if opened is None:
        return None
    try:
        return opened(file, size)
    except DamagedError:
        raise
    except Exception as error:  # a broken file can raise anything in a parser
        raise DamagedError(f"a header that cannot be read ({one_line(error)})") from None


def one_line(error: Exception) -> str:
    """An error of a library in a few words."""
    return (" ".join(str(error).split()) or type(error).__name__)[:120]


def _png(file: IO[bytes], size: int) -> Header:
    from PIL.PngImagePlugin import PngImageFile

    image = PngImageFile(file)
    raw = _raw_mode(image)
    kind = "a palette image" if image.mode == "P" else KINDS.get(raw, f"an image of the kind {raw}")
    if image.is_animated:
        kind = f"an animation of {image.n_frames} pictures"
    samples = max(1, len(image.getbands())) * (2 if "16" in raw else 1)
    _require_room(image.size, image.width * image.height * samples / 8, PNG_BYTES * size)
    return Header(*image.size, kind, partial(_decode_png, file))


def _decode_png(file: IO[bytes]) -> np.ndarray:
    from PIL.PngImagePlugin import PngImageFile

    def opened() -> PngImageFile:
        file.seek(0)
        return PngImageFile(file)

    opened().verify()  # the checksum of every chunk, which loading the pixels leaves out
    _require_all_rows(file)
    image = opened()
    # a colour that is named as transparent becomes an alpha channel of 0 where a pixel has it
    hidden = "transparency" in image.info and image.mode in ("1", "L", "RGB")
    return _pixels(image.convert("RGBA") if hidden else image)


def _require_all_rows(file: IO[bytes]) -> None:
    """Refuse pixels that are fewer or more than the header says: Pillow leaves missing rows black.

    Interlaced files, whose passes have other lengths, are left to Pillow.
    """
    file.seek(8)
    data, raw, row, interlaced = zlib.decompressobj(), 0, 0, 0
    while (length := file.read(4)) and (kind := file.read(4)):
        chunk = file.read(int.from_bytes(length))
        file.read(4)
        if kind == b"IHDR":
            width, high, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunk[:13])
            row = 1 + (width * bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8
        elif kind == b"IDAT":
            while chunk:
                raw += len(data.decompress(chunk, 1 << 20))  # a little at a time, whatever the chunk grows to
                chunk = data.unconsumed_tail
        elif kind[:1].isupper() and kind not in (b"PLTE", b"IEND"):
            raise DamagedError(f"a critical chunk {kind!r} that is not known")
    if not data.eof:
        raise DamagedError("compressed pixels that do not end")
    if not interlaced and raw != row * high:
        raise DamagedError(f"{raw} bytes of pixels where the header says {row * high}")


def _bmp(file: IO[bytes], size: int) -> Header:
    from PIL.BmpImagePlugin import BmpImageFile

    image = BmpImageFile(file)
    codec, _, begin, given = image.tile[0][:4]
    raw, kind = _raw_mode(image), "a palette image" if image.mode == "P" else None
    kind = kind or KINDS.get(raw, "an image of 32 bits a pixel")
    if codec == "raw":
        _require_exact_bmp(file, size, image, begin, given[1] * image.height)
    else:
        _require_room(image.size, image.width * image.height, RLE_PIXELS * size)
    return Header(*image.size, kind, lambda: _pixels(image))


def _require_exact_bmp(file: IO[bytes], size: int, image, begin: int, count: int) -> None:
    """Refuse a BMP whose numbers do not fit one another: it has no checksum, and a wrong width would shear it."""
    file.seek(0)
    stated, _, _, header = struct.unpack("<2xIIII", file.read(18))
    end = begin + count
    if size < end:
        raise DamagedError(f"a header that claims {image.width} x {image.height}: {size:,} of {end:,} bytes")
    # some writers fill up the file to four bytes, and count them
    filled = begin == 14 + header and size == stated and size - end < 4
    if begin < 14 + header or not (size == end or filled):
        raise DamagedError(f"{size:,} bytes where its header asks for {end:,}")


def _jpeg(file: IO[bytes], size: int) -> Header:
    from PIL.JpegImagePlugin import JpegImageFile

    image = JpegImageFile(file)
    _require_room(image.size, image.width * image.height, JPEG_PIXELS * size)
    kind = KINDS.get(image.mode, f"an image of the kind {image.mode}")

    def decode() -> np.ndarray:
        file.seek(0)
        return decode_jpeg(file.read(), [image.size])

    try:
        turned = image.getexif().get(ORIENTATION) in TURNED
    except Exception:  # broken EXIF is not of the pixels
        turned = False
    return Header(*image.size, kind, decode, turned)


def decode_jpeg(data: bytes, sizes: Sequence[tuple[int, int]], model: str | None = None) -> np.ndarray:
    """The pixels of a whole JPEG, (H, W, 3) BGR or (H, W).

    It must be of one of some `sizes`, (width, height); `model` is what its colours must be stored as, such as RGB.

    Raises DamagedError for another size, which takes no memory, for other colours, and where libjpeg warns, as of
    data that end early: it goes on with what it makes up.
    """
    import simplejpeg

    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        if colours not in ("YCbCr", "RGB", "Gray") or (model and colours != model):
            raise DamagedError(f"a JPEG of {colours} where {model or 'YCbCr, RGB or grey'} was expected")
        require_size((width, height), sizes)
        # each scan of a progressive JPEG passes over all pixels again
        if data.count(b"\xff\xda") * width * height > SCAN_PIXELS:
            raise DamagedError(f"a JPEG of {width} x {height} pixels in {data.count(bytes([255, 218]))} scans")
        pixels = simplejpeg.decode_jpeg(data, "GRAY" if colours == "Gray" else "BGR", strict=True)
    except ValueError as error:
        raise DamagedError(f"damaged JPEG data ({one_line(error)})") from None
    return pixels[..., 0] if colours == "Gray" else pixels


OPENERS = {PNG: _png, JPEG: _jpeg, BMP: _bmp}


def require_size(size: tuple[int, int], expected: Sequence[tuple[int, int]]) -> None:
    """Refuse a picture inside a file that has another size than the file says, before it is decoded."""
    if tuple(size) not in expected:
        raise DamagedError(f"a picture of {size[0]} x {size[1]} where {expected[0][0]} x {expected[0][1]} was expected")


def _raw_mode(image) -> str:
    """How Pillow calls the layout of the stored pixels: its own modes hide that 16 bits were made 8."""
    given = image.tile[0][3]
    return given if isinstance(given, str) else given[0]


def _require_room(size: tuple[int, int], need: float, most: float) -> None:
    """Refuse a header that claims more pixels than the file's bytes can become, before memory is taken for them."""
    if need > most + 1000:
        raise DamagedError(f"a header that claims {size[0]} x {size[1]}, more than the file can hold")


def _pixels(image) -> np.ndarray:
    """The pixels of a Pillow image in OpenCV's order of channels."""
    image.load()
    if image.mode == "P":
        image = image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    if pixels.ndim == 2:
        return pixels.astype(pixels.dtype.newbyteorder("="))
    if pixels.shape[2] == 2:  # grey with alpha
        return pixels[..., 0].copy()
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
