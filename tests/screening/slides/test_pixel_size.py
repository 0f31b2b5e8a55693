"""The pixel size that a TIFF states."""

import numpy as np
import pytest

from deeppap.io.errors import UserError
from deeppap.screening.slides.tiff_slide import TiffSlide
from tests.support.screening import write_tiff

IMAGE = np.zeros((64, 64, 3), np.uint8)
OME = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
OME += (
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="64" SizeY="64" SizeC="3" SizeZ="1" SizeT="1" %s>'
)
OME += '<Channel ID="Channel:0:0" SamplesPerPixel="3"/><TiffData/></Pixels></Image></OME>'


def found(tmp_path, mpp=None, **options):
    return TiffSlide(write_tiff(tmp_path / "field.tif", IMAGE, mpp, **options)).mpp


@pytest.mark.parametrize("mpp", [0.0988, 0.201, 0.5])
def test_by_its_resolution(tmp_path, mpp):
    assert found(tmp_path, mpp) == pytest.approx(mpp, rel=1e-4)
    inches = {"resolution": (25_400 / mpp, 25_400 / mpp), "resolutionunit": "INCH"}
    assert found(tmp_path, **inches) == pytest.approx(mpp, rel=1e-4)


@pytest.mark.parametrize(
    ("attributes", "mpp"),
    [
        ('PhysicalSizeX="0.25" PhysicalSizeY="0.25"', 0.25),
        ('PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="2.5E-4" PhysicalSizeYUnit="mm"', 0.25),
        ('PhysicalSizeX="0.25" PhysicalSizeXUnit="pixel" PhysicalSizeY="0.25"', None),
        ('PhysicalSizeX="0" PhysicalSizeY="0"', None),
        ("", None),
    ],
)
def test_by_omes_xml(tmp_path, attributes, mpp):
    assert found(tmp_path, description=(OME % attributes).encode()) == mpp


def test_by_a_scanners_description(tmp_path):
    assert found(tmp_path, description=b"Aperio Image Library v11.2.1\r\n64x64|AppMag = 40|MPP = 0.2520") == 0.252


@pytest.mark.parametrize("dots", [72, 96, 300])
def test_a_programs_default_is_no_pixel_size(tmp_path, dots):
    assert found(tmp_path, resolution=(dots, dots), resolutionunit="INCH") is None


def test_pixels_that_are_not_square_are_refused(tmp_path):
    with pytest.raises(UserError, match="square pixels, found 0.25 x 0.3"):
        found(tmp_path, resolution=(1e4 / 0.25, 1e4 / 0.3), resolutionunit="CENTIMETER")
