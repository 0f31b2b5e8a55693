"""Published sets as downloaded: drawn in their shape, and the real ones where they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data_prep.importers.gather import gather
from data_prep.nucleus import centroid
from deeppap.screening.nuclei.detector import NucleusDetector
from tests.support import label_files as files


def dat(path: Path, x: float, y: float) -> None:
    """An outline as SIPaKMeD writes it."""
    path.write_text("".join(f"{a:.4f},{b:.4f}\n" for a, b in files.ring(x, y)))


def picture(path: Path, x: int, y: int, size=(80, 90)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((*size, 3), 210, np.uint8)
    cv2.circle(image, (x, y), 9, (120, 60, 90), -1)
    cv2.imwrite(str(path), image)


@pytest.fixture
def sipakmed(tmp_path):
    """Two classes: one cell in a cluster's picture and cropped, one cropped with an outline, one cropped alone."""
    for kind in ("im_Parabasal", "im_Dyskeratotic"):
        folder = tmp_path / kind / kind
        picture(folder / "001.bmp", 200, 150, (300, 400))
        dat(folder / "001_nuc01.dat", 200, 150)
        for name, at in (("001_01", (30, 30)), ("001_02", (40, 35)), ("002_01", (45, 40))):
            picture(folder / f"CROPPED/{name}.bmp", *at)
        dat(folder / "CROPPED/001_01_nuc.dat", 30, 30)
        dat(folder / "CROPPED/001_02_nuc.dat", 40, 35)
        dat(folder / "CROPPED/001_02_cyt.dat", 10, 10)
    return tmp_path


def test_sipakmed_as_downloaded(sipakmed):
    found = gather([sipakmed])
    assert found.sources[0].format == "SIPaKMeD"
    cells = {(one.known.name, one.image.stem): one for one in found.cells}
    assert len(cells) == len(found.cells) == 6
    assert {one.group for one in found.cells if one.image.stem.startswith("001")} == {
        "im_Parabasal_001",
        "im_Dyskeratotic_001",
    }
    for kind, label in (("parabasal", "normal"), ("dyskeratotic", "abnormal")):
        assert cells[kind, "001"].centre == pytest.approx((200, 150))  # in the cluster, where its surroundings are
        assert cells[kind, "001_02"].centre == pytest.approx((40, 35))
        assert (cells[kind, "002_01"].centre, cells[kind, "002_01"].centre_from) == ((44.5, 39.5), "middle")
        assert cells[kind, "001"].known.label == label


def test_class_folders(tmp_path):
    for number, kind in enumerate(("NILM", "LSIL", "train/HSIL")):
        picture(tmp_path / kind / f"{number}.png", 60, 30)
    picture(tmp_path / "overview.png", 60, 30)
    found = gather([tmp_path], mpp=0.25, find_nucleus=lambda image, mpp: np.array([[60.0, 30.0], [5.0, 5.0]]))
    assert sorted((one.known.name, one.centre, one.group) for one in found.cells) == [
        (kind, (60.0, 30.0), None) for kind in ("HSIL", "LSIL", "NILM")
    ]
    assert [len(where) for where in found.left_out.values()] == [1]


def test_a_drawn_herlev(phantom):
    found = gather([phantom])
    assert (found.sources[0].format, len(found.cells)) == ("Herlev", 40)
    one = found.cells[0]
    mask = next(one.image.parent.glob(f"{one.image.stem}-d.*"))
    assert one.centre == centroid(mask, cv2.imread(str(one.image)).shape[:2])


def test_cric_states_the_pixel_of_its_own_images(tmp_path):
    points = files.drawn(tmp_path)
    source = files.write_cric(tmp_path, points)
    assert {one.pixel_um for one in gather([source]).cells} == {None}
    image = cv2.imread(str(tmp_path / "field.png"))
    cv2.imwrite(str(tmp_path / "field.png"), cv2.copyMakeBorder(image, 0, 540, 0, 736, cv2.BORDER_REPLICATE))
    assert {one.pixel_um for one in gather([source]).cells} == {0.228}
    assert {one.pixel_um for one in gather([source], mpp=0.3).cells} == {0.3}


def test_real_cric(real_fields):
    found = gather([real_fields, real_fields.with_name("cric_more")], mpp=0.247)
    assert (sum(found.read.values()), len(found.by_image())) == (472 + 2343, 116)
    assert [len(where) for where in found.left_out.values()] == [1]  # one nucleus is marked twice


@pytest.mark.parametrize("how", ["table", "folders"])
def test_real_sipakmed(real_fields, tmp_path, how):
    source = real_fields.parents[1] / "sipakmed"
    if not source.is_dir():
        pytest.skip("no SIPaKMeD beside the real fields")
    if how == "folders":
        for folder in source.glob("im_*"):
            (tmp_path / folder.name).mkdir()
            for image in folder.iterdir():
                (tmp_path / folder.name / image.name).symlink_to(image)
        source = tmp_path
    cells = gather([source]).cells
    kinds = [one.known.name for one in cells]
    counts = {"superficial-intermediate": 254, "parabasal": 284, "koilocytotic": 295, "dyskeratotic": 276}
    assert {name: kinds.count(name) for name in set(kinds)} == counts | {"metaplastic": 253}
    assert len({one.group for one in cells}) > 100


@pytest.mark.herlev
def test_the_nucleus_is_found_in_real_crops(herlev):
    """In 58 of Herlev's crops, by the mask of each: the middle lies on the nucleus in about 79 %."""
    truth = {one.id: one for one in gather([herlev]).cells[::16]}
    detector = NucleusDetector(confidence=0.1)
    hits = 0
    for one in truth.values():
        image = cv2.imread(str(one.image))
        height, width = image.shape[:2]
        nuclei = [(n.x, n.y) for n in detector.detect(image, 0.201)]
        middle = ((width - 1) / 2, (height - 1) / 2)
        place = min(nuclei, key=lambda at: np.hypot(*np.subtract(at, middle)), default=middle)
        nucleus = (cv2.imread(str(one.image.with_name(f"{one.image.stem}-d.bmp"))) == (255, 0, 0)).all(axis=2)
        hits += nucleus[round(place[1]), round(place[0])]
    assert hits / len(truth) > 0.9
