"""tools/classify.py: cells of one image or of a list, their mistakes, and where their scores go."""

import csv
import io

import cv2
import numpy as np
import pytest

from data_prep.views import Grid, neighbourhood
from deeppap.io.errors import UserError
from deeppap.io.image_file import read_image
from deeppap.scoring.cell_views import ViewChoice
from deeppap.scoring.classify import cells_in_csv, cells_in_image, with_pixels
from tests.support.checkout import run_tool
from tests.support.pictures import plain
from tests.support.records import change_scores
from tests.support.screening import write_tiff


def rows_of(output: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(output)))


def test_two_centres_of_one_image(checkout, trained_fold, dataset):
    cell = dataset.cells[0]
    x, y = cell.centre
    output = run_tool(
        checkout, "classify", cell.image, "--centre", f"{x},{y}", "--centre", "3,4", "--views", "2",
        "--net", trained_fold, "--gpu", "none",
    )  # fmt: skip
    rows = rows_of(output.stdout)
    assert [row["nucleus_x"] for row in rows] == [f"{x:g}", "3"]
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert rows[0]["score"] != rows[1]["score"]
    assert all((row["class"] == "abnormal") == (float(row["score"]) >= 0.5) for row in rows)


def test_a_csv_gives_what_single_calls_give(checkout, trained_fold, dataset, tmp_path):
    cell = dataset.cells[1]
    x, y = (f"{value:g}" for value in cell.centre)
    listing = tmp_path / "cells.csv"
    (tmp_path / "cell.BMP").write_bytes(cell.image.read_bytes())
    listing.write_text(f"image,nucleus_x,nucleus_y\ncell.BMP,{x},{y}\n", encoding="utf-8")
    options = ("--views", "3", "--net", trained_fold, "--gpu", "none")
    one = rows_of(run_tool(checkout, "classify", tmp_path / "cell.BMP", "--centre", f"{x},{y}", *options).stdout)
    listed = rows_of(run_tool(checkout, "classify", "--csv", listing, *options).stdout)
    assert listed == one


@pytest.mark.parametrize(
    ("centre", "said"), [("9999,4", "inside"), ("a,b", "X,Y"), ("1", "X,Y"), (None, "at least one")]
)
def test_a_wrong_centre_is_one_line(checkout, trained_fold, dataset, centre, said):
    options = [] if centre is None else ["--centre", centre]
    image = dataset.cells[0].image
    done = run_tool(checkout, "classify", image, *options, "--net", trained_fold, status=2)
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("doubt", ["this net has learned nothing", None])
def test_the_stored_doubt_is_printed_on_stderr(copy_of, evaluated_fold, dataset, doubt):
    place, fold = copy_of(evaluated_fold, "*_lmdb")
    change_scores(fold, doubt=doubt)
    options = ("--centre", "20,20", "--views", "1", "--net", fold, "--gpu", "none")
    done = run_tool(place, "classify", dataset.cells[0].image, *options)
    assert [line for line in done.stderr.splitlines() if line.startswith("!!")] == ([f"!! {doubt} !!"] if doubt else [])
    assert len(rows_of(done.stdout)) == 1


def images(folder, *cells):
    for name, cell in zip("abc", cells, strict=False):
        (folder / f"{name}.BMP").write_bytes(cell.image.read_bytes())


def test_a_file_is_what_would_be_printed(checkout, trained_fold, dataset, tmp_path):
    images(tmp_path, *dataset.cells[:2])
    listing = tmp_path / "cells.csv"
    listing.write_text("Image;Nucleus_X;Nucleus_Y\na.BMP;20,5;21\nb.BMP;22;20,25\n", encoding="utf-8")
    options = ("--csv", listing, "--views", "1", "--net", trained_fold, "--gpu", "none")
    printed = run_tool(checkout, "classify", *options).stdout
    assert [row["nucleus_x"] for row in rows_of(printed)] == ["20.5", "22"]
    done = run_tool(checkout, "classify", *options, "--out", tmp_path / "new/scores.csv")
    assert (tmp_path / "new/scores.csv").read_text() == printed
    assert done.stdout.splitlines()[0] == f"{tmp_path}/new/scores.csv: 2 cells"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["scores.csv"]


def test_all_mistakes_of_a_list_are_told_before_the_first_score(checkout, trained_fold, dataset, tmp_path):
    images(tmp_path, *dataset.cells[:2])
    good = cv2.imencode(".png", plain((60, 60, 3), 99))[1].tobytes()
    (tmp_path / "cut.png").write_bytes(good[:-40])
    lines = ["a.BMP,20,20", "b.BMP,999,3", "none.png,3,3", "a.BMP,x,3", "cut.png,3,3"]
    (tmp_path / "cells.csv").write_text("image,nucleus_x,nucleus_y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    out = tmp_path / "scores.csv"
    older = "image,nucleus_x,nucleus_y,score,spread,class\n"
    out.write_text(older)
    options = ("--csv", tmp_path / "cells.csv", "--net", trained_fold, "--out", out)
    done = run_tool(checkout, "classify", *options, status=2)
    said = [line for line in done.stderr.splitlines() if line.startswith("classify.py: ")]
    for line, words in zip(said, ("line 3:", "none.png", "line 5:", "cut.png"), strict=True):
        assert words in line
    assert out.read_text() == older and "image," not in done.stdout


@pytest.mark.parametrize("out", [".", "cells.csv", "a.BMP"])
def test_scores_do_not_take_the_place_of_what_is_read(checkout, trained_fold, dataset, tmp_path, out):
    images(tmp_path, dataset.cells[0])
    (tmp_path / "cells.csv").write_text("image,nucleus_x,nucleus_y\na.BMP,20,20\n", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    options = ("--csv", tmp_path / "cells.csv", "--net", trained_fold, "--out", tmp_path / out)
    done = run_tool(checkout, "classify", *options, status=2)
    assert ("found a folder" in done.stderr) is (out == ".") and ("found the same" in done.stderr) is (out != ".")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_given_for_a_fold_names_its_folds(checkout, trained_fold, dataset, tmp_path):
    words = (dataset.cells[0].image, "--centre", "20,20", "--net")
    folds = [tmp_path / f"run/fold{number}" for number in range(2)]
    for fold in folds:
        fold.mkdir(parents=True)
        (fold / "fold.json").touch()
    done = run_tool(checkout, "classify", *words, tmp_path / "run", status=2)
    assert f"found 2 folds. Give one of its folds: {folds[0]}, {folds[1]}." in done.stderr
    done = run_tool(checkout, "classify", *words, "runs/nowhere/fold0", status=2)
    assert "found no such folder. Check the path." in done.stderr
    done = run_tool(checkout, "classify", "nowhere.png", *words[1:], trained_fold, status=2)
    assert "nowhere.png: expected an image file, found no such file. Check the path." in done.stderr


@pytest.mark.parametrize("kept", [True, False])
def test_images_are_resampled_to_the_pixel_size_of_the_training(dataset, tmp_path, kept):
    """An image of half the size, with pixels of twice the side, is scored as the large one; its centre is its own."""
    whole = read_image(dataset.cells[0].image)
    whole = whole[: len(whole) // 2 * 2, : whole.shape[1] // 2 * 2]
    cv2.imwrite(str(tmp_path / "a.png"), cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    listing, choice = tmp_path / "cells.csv", ViewChoice(Grid(10, 10), 1, 1)
    listing.write_text("image,nucleus_x,nucleus_y,pixel_um\na.png,20,20,0.5\n")
    found = list(with_pixels(cells_in_csv(listing, choice, 0.25, held_bytes=None if kept else 0), choice))
    found += cells_in_image(tmp_path / "a.png", [(20, 20)], choice, 0.25, 0.5)
    for cell in found:
        region, centre = cell.read()
        assert (cell.cell.centre, centre) == ((20, 20), (40.5, 40.5))
        assert np.abs(region.astype(int) - neighbourhood(whole, (40.5, 40.5))[0]).mean() < 6
    same = [list(with_pixels(cells_in_csv(listing, choice, size), choice)) for size in (0.5, None)]
    assert [cell[0].read()[1] for cell in same] == [(20, 20)] * 2
    with pytest.raises(UserError, match="a.png: expected its pixel size, since the net was trained at 0.25 um"):
        cells_in_image(tmp_path / "a.png", [(20, 20)], choice, 0.25)
    with pytest.raises(UserError, match="line 2: expected pixel_um 0.25"):
        cells_in_csv(listing, choice, 0.25, mpp=0.25)
    listing.write_text("image,nucleus_x,nucleus_y\na.png,20,20\n")
    with pytest.raises(UserError, match="line 2: expected its pixel size"):
        cells_in_csv(listing, choice, 0.25)
    assert cells_in_csv(listing, choice, 0.25, mpp=0.5)[0].read()[1] == (40.5, 40.5)


@pytest.mark.parametrize(("mpp", "said"), [(0.25, True), (0.5, False)])
def test_a_tiff_that_states_another_pixel_size_is_told(dataset, tmp_path, capsys, mpp, said):
    write_tiff(tmp_path / "a.tif", read_image(dataset.cells[0].image), 0.5)
    cells_in_image(tmp_path / "a.tif", [(20, 20)], ViewChoice(Grid(10, 10), 1, 1), 0.25, mpp)
    assert ("images state 0.5 um a pixel; 0.25 um takes its place" in capsys.readouterr().err) == said


def test_a_centre_beside_a_list_is_not_dropped_in_silence(checkout, trained_fold, tmp_path):
    (tmp_path / "cells.csv").write_text("image,nucleus_x,nucleus_y\n")
    words = ("--csv", tmp_path / "cells.csv", "--centre", "1,2", "--net", trained_fold)
    assert "--centre: expected none with --csv" in run_tool(checkout, "classify", *words, status=2).stderr
