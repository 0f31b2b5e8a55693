import json
import re

import pytest

from deeppap.io.errors import UserError
from deeppap.io.files import sha256_file
from deeppap.io.pinned import facts
from deeppap.report.model_card import MARK, short_command, write_card
from deeppap.scoring.results import load_run
from deeppap.stats.metrics import binary_metrics, percent
from tests.support.checkout import ROOT, make_checkout, run_tool
from tests.support.records import rewrite
from tests.support.synthetic_run import answer_alike, write_synthetic_run

PATH = re.compile(r"(?<![\w.<])/\w+/")  # the start of an absolute path


def make_run(folder, fold=0, **options):
    """A synthetic run whose fold has a snapshot, and run.json paths of some machine."""
    write_synthetic_run(folder, cells=35, **options)
    weights = folder / f"fold{fold}/snapshots/convnet_t_iter_60.caffemodel"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    rewrite(folder / f"fold{fold}/model.json", sha256=sha256_file(weights))
    words = ["../tools/cross_validate.py", "--data", "/home/someone/data/herlev", "--weights=/mnt/x/net.caffemodel"]
    rewrite(folder / "run.json", command=[*words, "--profile", "quick"])
    return folder


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "herlev-cell-quick", dataset="herlev")


def text_of(run, tmp_path, **options):
    return write_card(load_run(run), models=tmp_path / "models", **options).read_text(encoding="utf-8")


def front_matter(text):
    """As Caffe's download_model_binary.py cuts it out."""
    lines = [line.strip() for line in text.splitlines()]
    top = lines.index("---")
    return lines[top + 1 : lines.index("---", top + 1)]


def test_front_matter_is_what_caffes_download_tool_reads(run, tmp_path):
    readme = write_card(load_run(run), models=tmp_path / "models")
    assert readme == tmp_path / "models/convnet_t_herlev-cell-quick_fold0/readme.md"
    lines = front_matter(readme.read_text())
    keys = [line.split(": ", 1)[0] for line in lines]
    assert keys == ["name", "caffemodel", "caffemodel_url", "license", "sha1", "caffe_commit"]
    found = facts(readme)
    assert found["caffemodel"] == "convnet_t_iter_60.caffemodel"
    assert found["sha1"] == sha256_file(run / "fold0/snapshots/convnet_t_iter_60.caffemodel", "sha1")
    assert "://" not in found["caffemodel_url"]
    assert f"CAFFE_COMMIT={found['caffe_commit']}" in (ROOT / "third_party/caffe/source.env").read_text()


def test_a_data_sets_name_cannot_break_the_front_matter(tmp_path):
    run = make_run(tmp_path / "r", dataset="herlev")
    dataset = json.loads((run / "run.json").read_text())["dataset"]
    rewrite(run / "run.json", dataset=dataset | {"name": 'a: "b"\n---\nsha1: 0'})
    lines = front_matter(text_of(run, tmp_path))
    assert len(lines) == 6
    assert json.loads(lines[0].removeprefix("name: ")).startswith('ConvNet-T, a: "b"')


def test_the_card_says_what_must_be_said(run, tmp_path):
    text = text_of(run, tmp_path)
    for words in (
        "not a medical device",
        "No score of it may be used to judge a patient's cells",
        "Profile `quick` (not the paper's protocol: fewer views and epochs)",
        "Papanicolaou",
        "0.201 um",
        "The file names tell the class",
        "chosen on the very cells it is judged by",
        "fold 0's of the run `herlev-cell-quick`",
        "--net runs/herlev-cell-quick/fold0",
        "`tools/report.py runs/herlev-cell-quick`",
        "No weights are published",
    ):
        assert words in text, words
    assert "drawn by a program" not in text


def test_no_path_of_a_machine_is_in_it(run, tmp_path):
    text = text_of(run, tmp_path)
    assert "`tools/cross_validate.py --data herlev --weights=net.caffemodel --profile quick`" in text
    assert not PATH.search(text), PATH.search(text)
    assert str(tmp_path) not in text
    assert PATH.search("see /home/someone/x")  # the pattern can fail


@pytest.mark.parametrize(
    ("command", "short"),
    [
        (["/a/b/train.py", "--data", "~/cells", "x/../y"], "tools/train.py --data cells y"),
        (["tools/train.py", "--data", "data/herlev"], "tools/train.py --data data/herlev"),
        (["tools/train.py", "--run", "my run"], "tools/train.py --run 'my run'"),
        (None, "not recorded"),
        ("tools/train.py", "not recorded"),
    ],
)
def test_short_command(command, short):
    assert short_command(command) == short


def test_the_figures_are_the_runs(run, tmp_path):
    scores = run / "fold0/scores.csv"
    header, first, *rest = scores.read_text().splitlines()
    *facts_of_cell, _, spread, normal, abnormal = first.split(",")
    wrong = ",".join([*facts_of_cell, normal, spread, abnormal, normal])  # no other fold has this cell wrong
    scores.write_text("\n".join([header, wrong, *rest]) + "\n")
    result = load_run(run)
    own = (result.folds[0].labels, result.folds[0].scores)
    pooled = (result.pooled("labels"), result.pooled("scores"))
    text = text_of(run, tmp_path)
    assert figures("these weights alone, fold 0", *own) in text
    assert figures("herlev-cell-quick: pooled, 5 folds", *pooled) in text
    assert figures("these weights alone, fold 0", result.folds[1].labels, result.folds[1].scores) not in text
    assert "nearest file name" in text
    assert "| 98.2 | 98.3 | 98.3 | 98.3 | 98.8 | 0.998 |" in text


def figures(what, labels, scores):
    found = binary_metrics(labels, scores)
    shares = [percent(found[name]) for name in ("sens", "spec", "acc", "hmean", "f")]
    return f"| {what} | {len(labels)} | {' | '.join(shares)} | {found['auc']:.3f} |"


def test_another_fold_and_name(tmp_path):
    run = make_run(tmp_path / "r", fold=3, dataset="herlev")
    text = text_of(run, tmp_path, fold=3, name="mine")
    assert (tmp_path / "models/mine/readme.md").exists()
    assert "Trained without the cells of fold 3 of 5" in text
    with pytest.raises(UserError, match=r"convnet_t_iter_60.caffemodel: .*no such file"):
        text_of(run, tmp_path, fold=0)


@pytest.mark.parametrize(
    ("options", "there", "not_there"),
    [
        ({"dataset": "phantom"}, "drawn by a program", "Herlev University Hospital"),
        ({"dataset": "mine"}, "`mine`, 35 cells", "file names tell the class"),
        ({"dataset": "herlev", "classes": 7}, "prototxt/seven_class/deploy.prototxt", "P(normal), P(abnormal)"),
    ],
)
def test_other_runs(tmp_path, options, there, not_there):
    text = text_of(make_run(tmp_path / "r", **options), tmp_path)
    assert there in text
    assert not_there not in text
    assert not PATH.search(text)


def test_profile_and_selection_are_not_confused(run, tmp_path):
    rewrite(run / "run.json", profile="paper", select="inner", control="shuffle")
    text = text_of(run, tmp_path)
    assert "Profile `paper` (the paper's counts)" in text
    assert "chosen on the very cells" not in text
    assert "A control, wrong on purpose" in text


def test_changed_weights_are_refused(run, tmp_path):
    (run / "fold0/snapshots/convnet_t_iter_60.caffemodel").write_bytes(b"others")
    with pytest.raises(UserError, match="weights that model.json names, found another file"):
        text_of(run, tmp_path)
    assert not (tmp_path / "models").exists()


def test_scores_of_other_weights_are_refused(run, tmp_path):
    rewrite(run / "fold0/evaluation.json", model_sha256="e" * 64)
    with pytest.raises(UserError, match="evaluation.json: expected scores of the weights"):
        text_of(run, tmp_path)


@pytest.mark.parametrize("folds", [0, [1]])
def test_a_fold_without_scores_is_refused(tmp_path, folds):
    write_synthetic_run(tmp_path / "r", folds=folds)
    with pytest.raises(UserError, match="a fold with scores"):
        write_card(load_run(tmp_path / "r"), 0, models=tmp_path / "models")


@pytest.mark.parametrize("name", ["../up", "a/b", "..", "a b"])
def test_a_name_that_is_no_folder_is_refused(run, tmp_path, name):
    with pytest.raises(UserError, match="--name: expected letters"):
        text_of(run, tmp_path, name=name)


def test_a_readme_written_by_hand_is_kept_and_a_card_replaced(run, tmp_path):
    text_of(run, tmp_path, name="mine")
    readme = tmp_path / "models/mine/readme.md"
    readme.write_text(f"{MARK}\nold")
    assert "old" not in text_of(run, tmp_path, name="mine").splitlines()
    readme.write_text("by hand")
    with pytest.raises(UserError, match="a readme written by hand"):
        text_of(run, tmp_path, name="mine")
    assert readme.read_text() == "by hand"


def test_the_tool_writes_the_card_and_no_weights(tmp_path):
    place = make_checkout(tmp_path / "place")
    make_run(place / "runs/phantom-cell-quick")
    done = run_tool(place, "model_card", "runs/phantom-cell-quick", "--name", "mine")
    assert done.stdout == "card: models/mine/readme.md\n"
    assert [path.name for path in (place / "models").rglob("*") if path.is_file()] == ["readme.md"]
    done = run_tool(place, "model_card", "runs/none", status=2)
    assert done.stderr.count("\n") == 1


def test_the_card_of_an_adapted_net_shows_its_chain(run, tmp_path):
    first = {"weights": {"name": "caffenet.caffemodel", "sha256": "c" * 64}}
    source = {"run": "other-cell-quick", "fold": 2, "sha256": "b" * 64, "dataset": {"name": "other"}, "trained": first}
    own = {"name": "convnet_t_iter_6.caffemodel", "sha256": "b" * 64}
    rewrite(run / "fold0/model.json", trained={"weights": own, "source": source})
    text = text_of(run, tmp_path)
    assert "`prototxt/adapt/train_val.prototxt`" in text and "Source of conv1 to conv5" not in text
    assert "source of all eight layers: ConvNet-T of other-cell-quick, fold 2, sha256 bbbbbbbbbbbb" in text
    assert "from caffenet.caffemodel, sha256 cccccccccccc" in text


def test_a_net_that_has_learned_nothing_is_the_first_of_its_limits(run, tmp_path):
    assert "has learned little" not in text_of(run, tmp_path)
    rewrite(run / "fold0/model.json", val_loss=0.8)
    assert "- **This net orders its test cells, but is over-confident: its validation loss" in text_of(run, tmp_path)
    answer_alike(run / "fold0")
    text = text_of(run, tmp_path)
    limits = text[text.index("## Limits") :].splitlines()
    assert limits[2].startswith("- **This net has learned little or nothing: its validation loss, 0.800, is not below")
    assert "Fold 0: this net has learned little or nothing" in text[: text.index("## Limits")]
