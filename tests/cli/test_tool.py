"""Types of options, and how the library's parameters become options in a message."""

import os
import shlex
from pathlib import Path

import pytest

from deeppap.cli import options
from deeppap.cli.tool import ToolParser, error_lines, label_words, run
from deeppap.io.errors import FieldError, InterruptionError, UserError


@pytest.fixture
def parser():
    made = ToolParser("what it does", "an example")
    made.add_argument("--training-mpp", type=options.above_zero)
    made.add_argument("--workers", type=options.at_least_one, default=3, help="how many")
    made.add_argument("--run", type=options.plain_name)
    made.add_argument("--folds", type=options.whole_numbers)
    made.add_argument("--centre", type=options.centre)
    made.add_argument("--profile", choices=("paper", "short"))
    made.add_argument("--from", dest="source")
    return made


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("workers", "12", 12),
        ("training-mpp", "2.5", 2.5),
        ("run", "herlev-cell.2", "herlev-cell.2"),
        ("folds", "0,2", [0, 2]),
        ("centre", "1.5,-3", (1.5, -3.0)),
        ("profile", "short", "short"),
    ],
)
def test_values(parser, option, text, value):
    assert getattr(parser.parse_args([f"--{option}", text]), option.replace("-", "_")) == value


@pytest.mark.parametrize(
    ("option", "texts"),
    [
        ("workers", ["0", "-1", "1.5", "two", "", "\u00b2"]),
        ("training-mpp", ["0", "-3", "nan", "inf", "two"]),
        ("run", ["", ".", "..", "../x", "a/b", "/tmp/x", "x/"]),
        ("folds", ["0,", "x", "0, x"]),
        ("centre", ["1", "1,2,3", "a,b"]),
        ("profile", ["huge"]),
        ("profi", ["paper"]),  # abbreviations are not accepted
    ],
)
def test_a_mistake_is_one_line_with_the_option(parser, capsys, option, texts):
    for text in texts:
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([f"--{option}={text}"])
        printed = capsys.readouterr().err
        assert (ended.value.code, printed.count("\n")) == (2, 1)
        assert f"--{option}" in printed


def test_the_help_shows_defaults_and_choices(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    printed = capsys.readouterr().out
    assert "how many (default: 3)" in printed
    assert "{paper,short}" in printed
    assert "None" not in printed


def test_the_version_is_the_projects(parser, capsys):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("deeppap-caffe ")


def test_a_parameter_is_printed_as_the_option_of_the_tool(parser):
    parser.parse_args([])
    line = error_lines(FieldError("training_mpp", "0.05 to 2", "9", "See `source`, `workers` and `other`."))
    assert line == ["--training-mpp: expected 0.05 to 2, found 9. See --from, --workers and `other`."]
    assert error_lines(UserError("cells.csv", "x", "y", "z"))[0].startswith("cells.csv: ")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (UserError("cells.csv", "x", "y", "z"), 2, "cells.csv: expected x, found y. z"),
        (InterruptionError("train.log", "its end", "a signal", "Run it again."), 130, "found a signal"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(13, "Permission denied", "runs"), 2, "runs: expected to read or write it, found Permission"),
        (MemoryError("Unable to allocate 7 TiB"), 2, "memory: expected enough for this, found too little (Unable"),
    ],
)
def test_an_error_is_one_line_and_a_status(error, status, said, capsys, monkeypatch):
    def fail():
        raise error

    for name in ("MPLBACKEND", "MATPLOTLIBRC"):
        monkeypatch.setenv(name, "of the user's")
    with pytest.raises(SystemExit) as ended:
        run(fail)
    printed = capsys.readouterr().err
    assert (ended.value.code, printed.count("\n")) == (status, 1)
    assert said in printed
    assert os.environ["MPLBACKEND"] == "agg"


@pytest.mark.parametrize(
    ("there", "again", "former", "out"),
    [
        ((), False, [], "my_cells"),
        ((), True, ["my_cells/"], "my_cells_2"),
        (("my_cells",), False, ["my_cells/"], "my_cells_2"),
        (("my_cells",), True, ["my_cells/"], "my_cells_2"),
        (("my_cells", "my_cells_2"), True, ["my_cells_2/"], "my_cells_3"),
    ],
)
def test_the_next_import_replaces_no_earlier_one(tmp_path, monkeypatch, there, again, former, out):
    monkeypatch.chdir(tmp_path)
    for name in there:
        Path(name).mkdir()
    words = shlex.split(label_words("--images IMAGES", again))
    assert words == [*former, "~/Downloads/labels.csv", "--images", "IMAGES", "--out", out]
