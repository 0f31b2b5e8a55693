"""Labels on slides: fields are cut out of the slides, wherever and by whatever program the cells were labelled."""

import errno
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_prep.image_hashes import image_key, image_rows
from data_prep.importers.gather import gather
from data_prep.importers.write import CheckPicture, summary, write
from data_prep.manifest import read_manifest
from deeppap.io import image_file
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
from deeppap.screening.open_image import file_facts, image_sha256
from deeppap.screening.screen_images import plan_images
from deeppap.screening.slides.slide_fields import MARGIN_UM, SQUARE_UM, SlideFields
from tests.support import label_files as files
from tests.support.drawn_field import draw_field
from tests.support.mirax import write_mrxs
from tests.support.screening import plain_settings, spoil_segment, write_pyramid, write_scn

pytest.importorskip("openslide", reason="make slides")
MPP = 0.25
HEADER = "id,image,x,y,pixel_um,class,labelled_by,labelled_at,p_abnormal,image_key"
AREAS = ((200, 100), (1700, 900))  # where the scanner took pictures; QuPath counts from the first


@pytest.fixture(scope="module")
def stained():
    return {place: draw_field(seed) for seed, place in enumerate(AREAS, 1)}


@pytest.fixture(scope="module")
def nuclei(stained):
    """Places on the slide, float64 (N, 2)."""
    return np.concatenate([points + place for place, (_, points) in stained.items()])


@pytest.fixture
def slide(tmp_path, stained):
    (tmp_path / "slides").mkdir()
    pictures = {place: image for place, (image, _) in stained.items()}
    return write_mrxs(tmp_path / "slides/smear.mrxs", (2600, 1700), pictures, MPP)


def gallery(path, slide, nuclei, kind="HSIL", at="2026-01-01T10:00:00Z"):
    """What the gallery saves: places of the whole slide."""
    key = image_key(image_sha256(slide, file_facts(slide)))
    rows = [[f"c{k}", slide.name, f"{x:.2f}", f"{y:.2f}", MPP, kind, "Ann", at, 0.5, key] for k, (x, y) in nuclei]
    return files.write_csv(path, HEADER, rows)


def qupath(path, nuclei, kind="HSIL"):
    """What QuPath exports: places of the scanned part, from the corner of its first pixel."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [files.ring(*(place - np.array(AREAS[0])))]},
            "properties": {"objectType": "annotation", "classification": {"name": kind}},
        }
        for _, place in nuclei
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def table(path, nuclei, kind="HSIL"):
    """QuPath's measurement table, counted from the same corner as its GeoJSON."""
    names = "Image,Class,Centroid X px,Centroid Y px,Area px^2"
    rows = [["smear.mrxs", kind, *(place - np.array(AREAS[0]) + 0.5), 250] for _, place in nuclei]
    return files.write_csv(path, names, rows)


def load(sources, slide, slides=None, **more):
    return gather(sources, [slide.parent], slides=slides or SlideFields(), **more)


def test_a_field_shows_what_was_labelled(tmp_path, slide, nuclei, monkeypatch):
    slides = SlideFields()
    labels = gallery(tmp_path / "labels.csv", slide, list(enumerate(nuclei)))
    found = load([labels], slide, slides)
    write(found, tmp_path / "out", picture := _looked(found))
    cells = read_manifest(tmp_path / "out/cells.csv").cells
    assert len(cells) == len(nuclei) and picture.dark and all(picture.dark)
    assert {(cell.group, cell.pixel_um) for cell in cells} == {("smear.mrxs", MPP)}
    assert {cell.slide_sha256 for cell in cells} == {image_sha256(slide, file_facts(slide))}
    margin = round(MARGIN_UM / MPP)
    for cell in cells:
        image = read_image(cell.image)
        x, y = cell.centre
        assert min(x, y, image.shape[1] - x, image.shape[0] - y) > margin - 1  # nothing of a view is cut off
        assert max(image.shape) <= round(SQUARE_UM / MPP) + 2 * margin
    assert "4 more slides" in summary(found, tmp_path / "out")[-1]
    # a net that learned from the fields has seen the slide
    assert {value for _, _, value in image_rows({"train": list(cells)}, {})} == {slides.facts(slide).sha256}
    for learned in (set(), {slides.facts(slide).sha256}):
        monkeypatch.setattr("deeppap.screening.screen_images.learned_images", lambda fold, learned=learned: learned)
        ((plan, _),) = plan_images([slide], tmp_path / "screen", plain_settings())
        assert plan.trained == bool(learned)


def _looked(found):
    picture = CheckPicture()
    for one in found.cells:
        picture.add(read_image(one.image), one)
    return picture


@pytest.mark.parametrize(("write_labels", "name"), [(qupath, "smear.mrxs.geojson"), (table, "measurements.csv")])
def test_programs_that_count_from_other_corners_mean_the_same_cells(tmp_path, slide, nuclei, write_labels, name):
    numbered = list(enumerate(nuclei))
    drawn = write_labels(tmp_path / name, numbered, "NILM")
    kept = load([drawn, gallery(tmp_path / "labels.csv", slide, numbered)], slide)
    assert kept.in_two_sources == len(kept.cells) == len(nuclei)
    assert {one.known.name for one in kept.cells} == {"HSIL"}
    alone = load([drawn], slide)
    places = np.array(sorted(one.place for one in alone.cells))
    assert np.abs(places - sorted(map(tuple, nuclei))).max() < 0.6


def test_a_later_round_finds_the_fields_of_an_earlier_one(tmp_path, slide, nuclei):
    numbered = list(enumerate([*nuclei, np.array([508.0, 350.0])]))  # the last one lies beside the border of a square
    first = load([gallery(tmp_path / "a.csv", slide, numbered)], slide)
    write(first, tmp_path / "first", _looked(first))
    moved = [(k, place + (8, 0)) for k, place in numbered]
    later = gallery(tmp_path / "b.csv", slide, moved, "NILM", "2026-02-01T10:00:00Z")
    both = load([tmp_path / "first", later], slide)
    assert len(both.cells) == len(numbered) and {one.known.name for one in both.cells} == {"NILM"}
    fields = {one.image for one in first.cells}
    assert len(fields) > 2 and not any("copies" in line for line in both.warnings)


@pytest.mark.parametrize("kind", ["NILM", "HSIL"])
def test_a_label_of_a_neighbouring_square_is_of_the_same_cell(tmp_path, slide, kind):
    """The corrected label lies in another field than the one that an earlier import has cut out."""
    load_and_write([gallery(tmp_path / "a.csv", slide, [(0, (508, 350))])], slide, tmp_path / "first")
    later = gallery(tmp_path / "b.csv", slide, [(0, (513, 350))], kind, "2026-02-01T10:00:00Z")
    (one,) = load_and_write([tmp_path / "first", later], slide, tmp_path / "second").cells
    assert one.known.name == kind
    (again,) = load([tmp_path / "second", later], slide).cells
    assert again.place == pytest.approx(one.place)


def load_and_write(sources, slide, out):
    found = load(sources, slide)
    write(found, out, _looked(found))
    return found


def test_a_slide_is_one_group_whatever_its_name_and_whatever_a_later_round_knows(tmp_path, slide, nuclei):
    """Fields overlap: in two groups, one would train the net and the other test it."""
    (tmp_path / "copies").mkdir()
    shutil.copy(slide, other := tmp_path / "copies/renamed.mrxs")
    shutil.copytree(slide.with_suffix(""), other.with_suffix(""))
    first, *_, last = enumerate(nuclei)
    named = files.write_csv(tmp_path / "a.csv", "image,x,y,class,group", [["smear.mrxs", *first[1], "HSIL", "Ann"]])
    load_and_write([named], slide, tmp_path / "first")
    copied = gallery(tmp_path / "b.csv", other, [last])
    corrected = gallery(tmp_path / "c.csv", slide, [first], "NILM")
    for sources, cells in (([copied, tmp_path / "first"], 2), ([tmp_path / "first", corrected], 1)):
        found = gather(sources, [slide.parent, other.parent], slides=SlideFields())
        assert [one.group for one in found.cells] == ["Ann"] * cells
    without = gather(
        [gallery(tmp_path / "d.csv", slide, [first]), copied], [slide.parent, other.parent], slides=SlideFields()
    )
    assert len({one.group for one in without.cells}) == 1
    rows = [["smear.mrxs", *place, "HSIL", f"patient {k}"] for k, place in (first, last)]
    with pytest.raises(UserError, match="one group for all cells of smear.mrxs"):
        load([files.write_csv(tmp_path / "e.csv", "image,x,y,class,group", rows)], slide)


def test_slides_of_one_name_are_two_groups(tmp_path, slide, stained, nuclei):
    (tmp_path / "others").mkdir()
    write_mrxs(tmp_path / "others/smear.mrxs", (2600, 1700), {AREAS[1]: stained[AREAS[1]][0]}, MPP)
    rows = [[f"{folder}/smear.mrxs", *nuclei[-1], "HSIL"] for folder in ("slides", "others")]
    labels = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", rows)
    found = gather([labels], slides=SlideFields())
    assert {one.group for one in found.cells} == {"slides/smear.mrxs", "others/smear.mrxs"}


def test_two_pixel_sizes_of_a_slide_are_refused(tmp_path, slide, nuclei):
    rows = [["smear.mrxs", *nuclei[k], "HSIL", um] for k, um in ((0, 0.25), (-1, 0.5))]
    with pytest.raises(UserError, match="one pixel size of smear.mrxs"):
        load([files.write_csv(tmp_path / "labels.csv", "image,x,y,class,pixel_um", rows)], slide)


def test_fields_labelled_by_themselves_stay_of_their_slide(tmp_path, slide, nuclei):
    load_and_write([gallery(tmp_path / "a.csv", slide, [(0, nuclei[0])])], slide, tmp_path / "first")
    (before,) = read_manifest(tmp_path / "first/cells.csv").cells
    shutil.copytree(before.image.parent, tmp_path / "fields")
    labels = files.write_csv(tmp_path / "b.csv", "image,x,y,class", [[before.image.name, *before.centre, "NILM"]])
    (one,) = gather([tmp_path / "first", labels], [tmp_path / "fields"], slides=SlideFields()).cells
    kept = one.known.name, one.slide_sha256, one.group, one.pixel_um
    assert kept == ("NILM", before.slide_sha256, before.group, MPP)


def test_micrometres_of_qupath_are_of_the_pixel_that_the_slide_states(tmp_path, slide, nuclei):
    place = (nuclei[0] - np.array(AREAS[0]) + 0.5) * MPP
    names = "Image,Class,Centroid X µm,Centroid Y µm"
    (one,) = load([files.write_csv(tmp_path / "m.csv", names, [["smear.mrxs", "HSIL", *place]])], slide).cells
    assert one.place == pytest.approx(nuclei[0])


def test_fields_are_cut_beside_the_result(tmp_path, slide, nuclei, monkeypatch):
    """Also on a full disk the place is named, and nothing stays."""
    labels = gallery(tmp_path / "labels.csv", slide, list(enumerate(nuclei)))
    found = load([labels], slide, slides := SlideFields(tmp_path / "new/out"))
    assert {one.image.parents[1].parent for one in found.cells} == {tmp_path / "new"}
    slides.folder.cleanup()
    # `own_partial` removes it if nobody could
    assert re.fullmatch(r"\.out\.\w{8}\.partial", Path(slides.folder.name).name)

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space.*new") as error:
        load([labels], slide, SlideFields(tmp_path / "new/out"))
    assert str(tmp_path / "new") in error.value.filename


def test_a_big_tiff_is_found_by_its_name(tmp_path):
    image, points = draw_field(1)
    write_pyramid(tmp_path / "field.btf", image, MPP)
    labels = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", [["field.btf", *p, "HSIL"] for p in points])
    assert len(gather([labels]).cells) == len(points)


def test_labels_of_another_slide_of_that_name_are_refused(tmp_path, slide, nuclei, stained):
    labels = gallery(tmp_path / "labels.csv", slide, list(enumerate(nuclei)))
    (tmp_path / "others").mkdir()
    pictures = {place: image for place, (image, _) in stained.items()}
    other = write_mrxs(tmp_path / "others/smear.mrxs", (2600, 1700), dict([pictures.popitem()]), MPP)
    with pytest.raises(UserError, match="as it was screened"):
        load([labels], other)


def test_the_preview_of_a_slide_is_not_taken_for_the_slide(tmp_path, slide, stained):
    """An .mrxs file is itself a JPEG, and an .scn file a TIFF that begins with an overview."""
    pictures = {place: image for place, (image, _) in stained.items()}
    for path in (slide, write_scn(tmp_path / "slide.scn", (2600, 1700), pictures)):
        for read in (read_image, image_file.image_size):
            with pytest.raises(UserError, match="found a slide"):
                read(path)


def test_a_place_outside_the_slide_is_refused(tmp_path, slide):
    with pytest.raises(UserError, match="inside the 2720 x 1760 image"):
        load([gallery(tmp_path / "labels.csv", slide, [(0, (2800, 100)), (1, (300, 300))])], slide)


def test_a_tiff_too_large_to_be_an_image_is_a_slide(tmp_path, monkeypatch):
    image, points = draw_field(1, (1200, 1600), 30)
    write_pyramid(tmp_path / "large.tif", image, MPP)
    labels = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", [["large.tif", *p, "HSIL"] for p in points])
    assert len(gather([labels], slides=SlideFields()).by_image()) == 1
    monkeypatch.setattr(image_file, "MAX_PIXELS", 1_000_000)
    found = gather([labels], slides=SlideFields())
    assert len(found.cells) == len(points) and len(found.by_image()) > 5
    assert {one.pixel_um for one in found.cells} == {MPP}  # as it states
    for one in found.cells:
        x, y = one.place
        field, (column, row) = read_image(one.image), np.round(one.centre).astype(int)
        assert np.array_equal(field[row, column], image[round(y), round(x)])


def test_a_part_that_cannot_be_read_is_refused_and_named(tmp_path):
    image, points = draw_field(1, (1200, 1600), 30)
    aperio = "Aperio Image Library v11.2.1\r\n1600x1200 [0,0 1600x1200] (128x128) JPEG/RGB Q=95|AppMag = 40|MPP = 0.25"
    options = {"compression": "jpeg", "compressionargs": {"level": 95}, "description": aperio}
    path = write_pyramid(tmp_path / "smear.svs", image, MPP, **options)
    spoil_segment(path, 0, 0)
    labels = files.write_csv(tmp_path / "labels.csv", "image,x,y,class", [["smear.svs", *p, "HSIL"] for p in points])
    with pytest.raises(UserError, match="smear.svs: expected a readable part at 0, "):
        gather([labels], slides=SlideFields())
