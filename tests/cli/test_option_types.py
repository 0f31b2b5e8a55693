"""Numbers that count or measure something and names of folders, as options."""

import argparse

import pytest

from deeppap.cli.option_types import above_zero, at_least_one, plain_name
from deeppap.io.errors import UserError


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "", "\u00b2"])
def test_what_counts_nothing_is_refused(text):
    with pytest.raises(UserError, match="--workers: expected 1 or more, found "):
        at_least_one("--workers")(text)
    assert at_least_one("--workers")("12") == 12


@pytest.mark.parametrize("text", ["0", "-3", "nan", "inf", "two"])
def test_what_measures_nothing_is_refused(text):
    with pytest.raises(UserError, match="--radius: expected a number above 0"):
        above_zero("--radius")(text)
    assert above_zero("--radius")("2.5") == 2.5


@pytest.mark.parametrize("text", ["", ".", "..", "../x", "a/b", "/tmp/x", "x/"])
def test_a_run_stays_in_its_folder(text):
    with pytest.raises(UserError, match="--run: expected a name without folders"):
        plain_name("--run")(text)
    assert plain_name("--run")("herlev-cell.2") == "herlev-cell.2"


def test_argparse_lets_the_line_through():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=at_least_one("--workers"), default=3)
    assert parser.parse_args([]).workers == 3
    with pytest.raises(UserError, match="--workers: expected 1 or more, found 0"):
        parser.parse_args(["--workers", "0"])
