"""Types of options, and how the library's parameters become options in a message."""

import pytest

from deeppap.cli import options
from deeppap.cli.tool import ToolParser, error_lines
from deeppap.io.errors import FieldError, UserError


@pytest.fixture
def parser():
    made = ToolParser("what it does", "an example")
    made.add_argument("--training-mpp", type=options.above_zero)
    made.add_argument("--workers", type=options.at_least_one, default=3, help="how many")
    made.add_argument("--run", type=options.plain_name)
    made.add_argument("--folds", type=options.whole_numbers)
    made.add_argument("--centre", type=options.centre)
    made.add_argument("--profile", type=options.profile, choices=("paper", "short"))
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
        ("profile", ["huge", "evening"]),
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


def test_an_old_profile_name_is_answered_with_the_new_one(parser, capsys):
    for old, new in options.RENAMED.items():
        with pytest.raises(SystemExit):
            parser.parse_args(["--profile", old])
        assert new in capsys.readouterr().err


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
