"""The pages of a release: whose figures they are, how they were made, what the net must not be trusted with."""

import json
import re

import pytest
from msgspec.structs import replace

from deeppap.io.files import sha256_file
from deeppap.records import ModelRecord, RunRecord, SetRecord, ThresholdRecord
from deeppap.records.structs import CLASSIFY_VIEWS, BlendRecord, BlendTry
from deeppap.report.facts import what_was_run
from deeppap.report.figures.net import read_course
from deeppap.report.headline import headline
from deeppap.report.release_pages import model_card, release_page
from deeppap.report.runs import Run
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import binary_metrics, percent
from deeppap.training.snapshots import kept, kept_because
from tests.support.checkout import ROOT
from tests.support.records import change, change_scores
from tests.support.sources import source_record
from tests.support.synthetic_run import recipe, write_synthetic_run

PATH = re.compile(r"(?<![\w.<>])/\w+/")  # the start of an absolute path
WEIGHTS = "snapshots/convnet_t_iter_60.caffemodel"


@pytest.fixture
def make(tmp_path):
    """Makes a run whose folds have their snapshots, with paths of some machine in its record."""

    def made(name="herlev-cell-quick", dataset="herlev", folds=5, **options):
        run = write_synthetic_run(tmp_path / name, cells=35, dataset=dataset, folds=folds, **options)
        for fold in run.glob("fold*"):
            (fold / "snapshots").mkdir()
            (fold / WEIGHTS).write_bytes(b"weights")
            sha = sha256_file(fold / WEIGHTS)
            change(ModelRecord, fold, weights_sha=sha)
            for shift in (0, 5, 10) if (fold / "scores_shift5.csv").exists() else (0,):
                change_scores(fold, shift, weights_sha=sha)
        words = ["../tools/cross_validate.py", "--data", "/home/someone/data/herlev", "--weights=/mnt/x/net.caffemodel"]
        change(RunRecord, run, command=[*words, "--profile", "quick"])
        return run

    return made


def card(run, fold=0):
    result = load_run(run)
    return model_card(result, result.folds[fold], "net")


def test_the_front_matter_is_what_caffes_download_tool_reads(make):
    run = make()
    lines = card(run).splitlines()
    top = lines.index("---")
    fields = dict(line.split(": ", 1) for line in lines[top + 1 : lines.index("---", top + 1)])
    assert list(fields) == ["name", "caffemodel", "caffemodel_url", "license", "sha1", "caffe_commit"]
    assert fields["caffemodel"] == "convnet_t_iter_60.caffemodel"
    assert fields["sha1"] == sha256_file(run / "fold0" / WEIGHTS, "sha1")
    assert f"CAFFE_COMMIT={fields['caffe_commit']}" in (ROOT / "third_party/caffe/source.env").read_text()


def test_a_data_sets_name_cannot_break_the_front_matter(make):
    run = make()
    data = RunRecord.read(run).dataset
    change(RunRecord, run, dataset=replace(data, name='a: "b"\n---\nsha1: 0'))
    lines = card(run).splitlines()
    assert lines.index("---", lines.index("---") + 1) == 7
    assert json.loads(lines[1].removeprefix("name: ")).startswith('ConvNet-T, a: "b"')


@pytest.mark.parametrize("page", ["card", "release"])
def test_no_page_sends_its_reader_elsewhere(make, page):
    run = make()
    text = card(run) if page == "card" else release_page(load_run(run), range(5), "net", onnx=True)
    assert not PATH.search(text), PATH.search(text)
    assert not re.search(r"\b(runs|models)/", text)
    assert str(run.parent) not in text
    assert "not a medical device" in text
    assert "--net net" in text
    assert "\\n" not in text  # no table or part lost its line ends
    assert PATH.search("see /home/someone/x")  # the pattern can fail


def test_the_command_has_no_path_of_a_machine(make):
    assert "`tools/cross_validate.py --data herlev --weights=net.caffemodel --profile quick`" in card(make())


def test_the_figures_are_the_runs_and_the_nets_own(make):
    run = make()
    scores = run / "fold0/scores.csv"
    header, first, *rest = scores.read_text().splitlines()
    *facts_of_cell, _, spread, normal, abnormal = first.split(",")
    wrong = ",".join([*facts_of_cell, normal, spread, abnormal, normal])  # no other fold has this cell wrong
    scores.write_text("\n".join([header, wrong, *rest]) + "\n")
    change_scores(run / "fold0")
    result = load_run(run)

    def figures(what, labels, scores):
        found = binary_metrics(labels, scores)
        shares = [percent(found[name]) for name in ("sens", "spec", "acc", "hmean", "f")]
        return f"| {what} | {len(labels)} | {' | '.join(shares)} | {found['auc']:.3f} |"

    text = card(run)
    own, other = ((fold.labels, fold.scores) for fold in result.folds[:2])
    assert figures("these weights alone, fold 0", *own) in text
    assert figures("these weights alone, fold 0", *other) not in text
    pooled = result.pooled("labels"), result.pooled("scores")
    assert figures("herlev-cell-quick: pooled, 5 folds", *pooled) in text
    assert "| 98.2 | 98.3 | 98.3 | 98.3 | 98.8 | 0.998 |" in text
    assert "nearest file name" in text


@pytest.mark.parametrize(
    ("options", "there", "not_there"),
    [
        ({"dataset": "phantom"}, "The cells are synthetic", "Herlev University Hospital"),
        ({"dataset": "mine"}, "`mine`, 35 cells", "file names tell the class"),
        ({"classes": 7}, "`prob`: superficial (normal), intermediate (normal)", "`prob`: normal (normal)"),
        ({}, "The file names tell the class", "The cells are synthetic"),
    ],
)
def test_what_depends_on_the_run(make, options, there, not_there):
    text = card(make(**options))
    assert there in text
    assert not_there not in text


def test_profile_selection_and_control(make):
    run = make(folds=1)
    assert "chosen on the cells that it is judged by" in card(run)
    change(RunRecord, run, profile="paper", select="inner", control="shuffle")
    text = card(run)
    assert "Profile `paper` (the paper's counts)" in text
    assert "chosen on the cells that it is judged by" not in text
    assert "A control run" in text


def test_an_adapted_net_shows_its_chain(make):
    run = make(folds=1)
    change(ModelRecord, run / "fold0", recipe=recipe(source=source_record()))
    text = card(run)
    assert "`prototxt/adapt/train_val.prototxt`" in text
    assert "Source of conv1 to conv5" not in text
    assert "Source of all eight layers: ConvNet-T of herlev-cell-paper, fold 3, sha256 bbbbbbbbbbbb" in text


def test_a_doubt_is_the_first_of_the_limits(make):
    run = make(folds=1)
    change_scores(run / "fold0", doubt="this net knows nothing")
    text = card(run)
    assert text[text.index("## Limits") :].splitlines()[2] == "- **This net knows nothing.**"


def test_whose_the_figures_of_a_release_are(make):
    run = load_run(make())
    auc = binary_metrics(run.pooled("labels"), run.pooled("scores"))["auc"]
    for folds, absent in (([0], "fold 1, 2, 3, 4 are not here"), ([0, 1, 3, 4], "fold 2 is not here"), (range(5), "")):
        text = release_page(run, folds, "net", onnx=False)
        assert f"the nets of 5 folds{', of which ' if absent else ''}{absent}." in text
        assert f"{auc:.3f} |" in text
        assert f"{len(folds)} net(s) of one study" in text
        assert "onnx" not in text
    assert "--net net/fold2`" in release_page(run, [2, 3], "net", onnx=False)


def test_how_the_figures_were_scored(make):
    run = make()
    for fold in range(5):
        change_scores(run / f"fold{fold}", views=10, engine="openvino", precision="bfloat16")
    made = "10 views x 10 crops by openvino in bfloat16"
    page = release_page(load_run(run), [0], "net", onnx=False)
    assert made in page
    assert f"takes {CLASSIFY_VIEWS} views of each cell" in page
    assert "The figures have 10." in page
    assert made in card(run)


def test_a_card_names_the_thresholds_and_the_pixel_size(make):
    run = make()
    chosen = ThresholdRecord(sensitivity=0.95, threshold=0.3125, specificity=0.8, abnormal=90, normal=70)
    change_scores(run / "fold0", thresholds=(chosen,))
    assert "- `--threshold sens95`: threshold 0.312 calls at least 86 of 90 abnormal inner cells abnormal" in card(run)
    assert "`--threshold" not in card(run, 1)
    for page in (card(run), release_page(load_run(run), [0], "net", onnx=False)):
        assert "--centre 61,48 --mpp" in page


def test_what_was_kept_of_an_adapted_net_is_said(make):
    run = make()
    for fold, share in enumerate((0.0, 0.4, 1.0)):
        tried = tuple(BlendTry(share=one, auc=0.9, loss=0.1) for one in (0.0, 0.4, 1.0))
        change(ModelRecord, run / f"fold{fold}", blend=BlendRecord(share=share, abnormal=9, normal=21, tried=tried))
    blends = [ModelRecord.read(run / f"fold{fold}").blend for fold in range(3)]
    shown = Run(load_run(run), "run")
    said = dict(what_was_run([shown]).rows)["Snapshot scored"]
    assert all(f"fold {fold}: {kept_because(blend)}" in said for fold, blend in enumerate(blends))
    assert headline(shown).caveat == f"Caution: fold 0: {kept(0)}."
    assert kept(0).startswith("not adapted") and "40 %" in kept(0.4) and "60 %" in kept(0.4)
    for fold, blend in enumerate(blends):
        assert kept_because(blend)[1:] in card(run, fold)
        whose = {0.0: "Weights of the source:", 0.4: "Weights, averaged:", 1.0: "Weights:"}[blend.share]
        assert f"- {whose} `convnet_t_iter_60.caffemodel`" in card(run, fold)
        assert ("iteration" in card(run, fold).partition("## Data")[0]) is (blend.share > 0)
    # no snapshot of the training was scored, so that none has a ring
    assert [read_course(fold).chosen is None for fold in shown.folds[:3]] == [True, True, False]


def test_a_card_of_several_sets_has_a_row_for_each(make):
    run = make(dataset="phantom-manifest")
    assert "Set by set" not in card(run)
    ids = load_run(run).ids
    record = RunRecord.read(run)
    sets = (SetRecord(name=ids[0], path="a", cells=1, labels=(1, 0)),)
    change(RunRecord, run, dataset=replace(record.dataset, sets=sets))
    rows = [line.split(" | ")[:2] for line in card(run).partition("Set by set")[2].splitlines() if line[:1] == "|"]
    assert rows[2] == [f"| {ids[0]}", "1"]
    assert rows[3] == ["| all", str(len(ids))]
