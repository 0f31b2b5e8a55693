"""Numbers that count something and names of folders, as options."""

import argparse

import pytest

from common.option_types import above_zero, at_least_one, plain_name


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "", "\u00b2"])
def test_what_counts_nothing_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected 1 or more"):
        at_least_one(text)
    assert at_least_one("12") == 12


@pytest.mark.parametrize("text", ["", ".", "..", "../x", "a/b", "/tmp/x", "x/"])
def test_a_run_stays_in_its_folder(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a name without folders"):
        plain_name(text)
    assert plain_name("herlev-cell.2") == "herlev-cell.2"


@pytest.mark.parametrize("text", ["0", "-3", "nan", "inf", "two"])
def test_what_measures_nothing_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a number above 0"):
        above_zero(text)
    assert above_zero("2.5") == 2.5
