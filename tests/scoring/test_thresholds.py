"""Thresholds for use: chosen on inner cells for a sensitivity, averaged over nets, asked for by name or number."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from deeppap.io.errors import FieldError, UserError
from deeppap.records import ThresholdRecord
from deeppap.scoring.thresholds import choose, doubt_of_threshold, is_uncertain, of_nets, require_threshold, short, text


def chosen(pairs, tested=()):
    """The thresholds that (label, score) pairs choose."""
    labels, scores = np.array(pairs).reshape(-1, 2).T
    return choose(labels.astype(int), scores, None if tested is None else np.array(tested))


def record(sensitivity=0.95, threshold=0.3, specificity=0.8, abnormal=100, normal=100):
    return ThresholdRecord(
        sensitivity=sensitivity, threshold=threshold, specificity=specificity, abnormal=abnormal, normal=normal
    )


def net(*thresholds, select="inner", engine="caffe", folder=Path("net")):
    made = SimpleNamespace(views=10, crops=10)
    run = SimpleNamespace(select=select, engine=engine, precision="float32")
    return SimpleNamespace(thresholds=thresholds, run=run, folder=folder, test_record=made)


def test_the_threshold_reaches_the_sensitivity_and_no_more():
    # abnormal scores 0.2051234, 0.2151234, ...; normal ones around the fifth and the first of them
    pairs = [(1, 0.2051234 + k / 100) for k in range(40)]
    first, second = chosen([*pairs, *((0, value) for value in (0.1, 0.205, 0.21, 0.3)), (2, 0.9)])
    assert (first.sensitivity, first.threshold) == (0.95, 0.225123)  # 38 of 40 lie at it or above, rounded down
    assert (second.sensitivity, second.threshold) == (0.99, 0.205123)  # all 40
    assert (first.specificity, second.specificity) == (0.75, 0.5)
    assert (first.abnormal, first.normal) == (40, 4)


def test_an_over_confident_net_has_a_threshold_below_one_millionth():
    found = chosen([*[(1, 5.1234567e-7)] * 100, *((0, value) for value in (1e-9, 2e-9, 3e-9, 1e-3))])
    assert [(one.threshold, one.specificity) for one in found] == [(5.12345e-7, 0.75)] * 2
    (mean, _) = of_nets([net(*found), net(*found)])
    assert mean.threshold == 5.12345e-7
    assert "no use" not in text(mean)


def test_a_threshold_that_calls_every_cell_abnormal_is_of_no_use():
    for lowest in (0.0, 1e-3):
        found = chosen([(1, lowest), *((0, value) for value in (1e-3, 0.9))])
        assert {one.specificity for one in found} == {0}
        assert all("of no use" in text(one) for one in found)


def test_the_line_counts_cells_and_names_the_sensitivity_on_test_cells():
    pairs = [(1, 0.3 + k / 100) for k in range(7)] + [(0, value) for value in (0.1, 0.2, 0.9)]
    (found, _) = chosen(pairs, [0.2, 0.29, 0.31, 0.5])
    assert found.tested == (2, 4)
    line = text(found)
    assert "7 of 7 abnormal inner" in line and "1 of 3 normal" in line and "50 % (2 of 4)" in line
    assert "uncertain" in line and "95 %" not in line
    (found, _) = chosen(pairs, None)
    assert (found.threshold, found.by, found.tested) == (0.299999, "test", None)  # 0.3 as a float lies below it
    assert "7 of 7 abnormal test" in text(found) and "sensitivity" not in text(found)


@pytest.mark.parametrize(("lowest", "said"), [(0.45, False), (0.61, True)])
def test_the_line_says_why_a_threshold_is_above_one_half(lowest, said):
    found = chosen([*((1, lowest + k / 100) for k in range(20)), (0, 0.2), (0, 0.55)])
    assert all(("above 0.5" in text(one)) is said for one in found)


def test_a_threshold_is_shown_with_three_digits_and_never_as_one():
    assert [short(value) for value in (0.312345, 5.12345e-7, 0.5, 0.999987)] == ["0.312", "5.12e-07", "0.5", "0.999987"]


@pytest.mark.parametrize("labels", [[], [0, 0, 2], [1, 1]])
def test_one_label_alone_chooses_none(labels):
    assert chosen([(label, 0.5) for label in labels]) == ()


@pytest.mark.parametrize(
    ("sensitivity", "abnormal", "uncertain"),
    [(0.95, 49, True), (0.95, 50, False), (0.99, 249, True), (0.99, 250, False)],
)
def test_few_abnormal_cells_make_it_uncertain(sensitivity, abnormal, uncertain):
    assert is_uncertain(record(sensitivity, abnormal=abnormal)) is uncertain


def test_several_nets_have_the_mean_and_the_fewest_cells():
    nets = [net(record(threshold=0.2, abnormal=60)), net(record(threshold=0.4, specificity=0.6, normal=30))]
    (mean,) = of_nets(nets)
    assert mean.threshold == pytest.approx(0.3)
    assert (mean.abnormal, mean.normal, mean.specificity) == (60, 100, 0.8)
    assert "0.3, the mean of 2 nets" in require_threshold(nets, "sens95")[1]
    assert of_nets([net(record()), net()]) == ()


def test_what_a_user_asks_for():
    nets = [net(record(0.95, 0.3), record(0.99, 0.1))]
    assert [require_threshold(nets, asked)[0] for asked in (None, "sens95", "sens99", 0.7)] == [0.5, 0.3, 0.1, 0.7]
    assert "100 abnormal" in require_threshold(nets, "sens95")[1]


@pytest.mark.parametrize(
    ("abnormal", "specificity", "said"), [(49, 0.8, "uncertain"), (50, 0.0, "of no use"), (50, 0.8, "")]
)
def test_only_a_threshold_of_the_nets_own_is_doubted(abnormal, specificity, said):
    nets = [net(record(0.95, abnormal=abnormal, specificity=specificity))]
    assert doubt_of_threshold(nets, "sens95").partition(":")[0] == said
    assert [doubt_of_threshold(nets, asked) for asked in (None, 0.3, "sens99")] == ["", "", ""]


@pytest.mark.parametrize(("asked", "sensitivity", "least"), [("sens95", 0.95, 20), ("sens99", 0.99, 100)])
def test_a_threshold_of_too_few_abnormal_cells_is_refused(asked, sensitivity, least):
    """Of fewer, the lowest score would be the threshold."""
    enough, few = (net(record(sensitivity, abnormal=count)) for count in (least, least - 1))
    assert require_threshold([enough], asked)[0] == 0.3 and len(of_nets([enough])) == 1
    for nets in ([few], [enough, few]):
        assert of_nets(nets) == ()
        with pytest.raises(FieldError, match=f"threshold: .*{least} or more .*{asked}, found {least - 1} .*number"):
            require_threshold(nets, asked)


@pytest.mark.parametrize(("select", "error"), [("paper", FieldError), ("inner", UserError)])
def test_a_net_without_thresholds_is_named(select, error):
    with pytest.raises(error, match="net"):
        require_threshold([net(record()), net(select=select)], "sens95")


def test_the_advice_for_a_missing_threshold_can_be_followed(tmp_path):
    with pytest.raises(UserError, match="tools/evaluate.py --net net --engine onnx "):
        require_threshold([net(engine="onnx")], "sens95")
    (tmp_path / "SHA256SUMS").touch()
    with pytest.raises(UserError) as caught:
        require_threshold([net(folder=tmp_path / "fold0")], "sens95")
    assert "evaluate" not in str(caught.value) and "a number" in str(caught.value)
