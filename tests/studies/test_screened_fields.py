"""The whole chain judged on drawn fields: the folder, its tables and what is refused."""

import csv
import json
import re

import pytest

from deeppap.engines.device import Device
from deeppap.io.errors import UserError
from deeppap.phantom.field import make_fields
from deeppap.scoring.trained_model import TrainedModel
from deeppap.studies.screened_fields import ScreenedOptions, validate_screening
from tests.support.checkout import run_tool

pytest.importorskip("pyarrow", reason="make slides")
MPP = 0.201


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "fields"
    make_fields(folder, 2, 12, seed=5)
    with (folder / "nuclei.csv").open("a") as marks:
        marks.write("field_00.png,3,3,severe dysplasia\n")  # where there is none: one mark is missed
    return folder


def test_every_mark_is_asked_for_and_the_report_tells(checkout, trained_fold, drawn):
    words = ["--screen", "--mpp", MPP, "--net", trained_fold, "--views", 1, "--gpu", "none", "--run", "judged"]
    words += ["--training-mpp", MPP]
    done = run_tool(checkout, "validate", drawn, *words)
    out = checkout / "runs/judged"
    rows = list(csv.DictReader((out / "marks.csv").read_text().splitlines()))
    marked = (drawn / "nuclei.csv").read_text().count("\n") - 1
    assert len(rows) == marked
    found = [row for row in rows if row["outcome"] != "not found"]
    assert len(found) > 0.9 * marked
    assert all(row["p_abnormal"] for row in found)
    table = json.loads((out / "tables/sensitivity.json").read_text())
    assert table["rows"][-1][:3] == ["all", marked, len(found)]
    assert "Cells called abnormal where none is marked" in done.stdout
    page = (out / "report.html").read_text()
    # the curve, and a picture of the abnormal cells that were missed
    assert page.count("data:image/png") == 2
    # the share of abnormal cells that were found stands first
    abnormal = next(row for row in table["rows"] if row[0] == "all abnormal")
    assert re.search(r"<dd>(.*?)</dd>", page)[1] == f"{100 * abnormal[2] / abnormal[1]:.1f}"
    assert (out / "screen/gallery.html").is_file()


def test_marks_without_classes_are_refused(trained_fold, tmp_path, drawn):
    points = [line.rsplit(",", 1)[0] for line in (drawn / "nuclei.csv").read_text().splitlines()]
    bare = tmp_path / "bare"
    bare.mkdir()
    for image in drawn.glob("*.png"):
        (bare / image.name).write_bytes(image.read_bytes())
        own = [line.split(",")[1:] for line in points if line.startswith(image.name)]
        (bare / f"{image.stem}.csv").write_text("".join(f"{y},{x}\n" for x, y in own))
    with pytest.raises(UserError, match="marks with classes"):
        validate_screening(
            bare, [TrainedModel.open(trained_fold)], ScreenedOptions(MPP, device=Device(without_gpu=True))
        )
