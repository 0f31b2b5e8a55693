"""What must be known of a run: where its nets come from, how they were scored, how it was split."""

import shutil

import pytest
from msgspec.structs import replace

from deeppap.records import (
    BlendRecord,
    DatasetRecord,
    ExternalRecord,
    ModelRecord,
    NetRecord,
    RunRecord,
    SourceDataset,
    WeightsRecord,
)
from deeppap.records.structs import CAVEAT
from deeppap.report.facts import what_was_run
from deeppap.report.headline import gain_verdict, headline
from deeppap.report.notes import AS_IN_THE_PAPER, BY_HAND, UNFINISHED, run_notes
from deeppap.report.runs import named
from deeppap.report.tables import all_tables
from deeppap.scoring.results import load_run
from deeppap.stats.intervals import TOO_FEW
from deeppap.training.snapshots import kept
from tests.support.records import change, change_scores
from tests.support.sources import source_record
from tests.support.synthetic_run import recipe, write_synthetic_run

CAFFENET = "bvlc_reference_caffenet.caffemodel"
OTHER = WeightsRecord(path="x/other.caffemodel", name="other.caffemodel", weights_sha="2" * 64)
USUAL = "100 views x 10 crops by caffe in float32"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("written") / "run", folds=3, cells=42)


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path / "run")


def notes(run):
    return run_notes(load_run(run))


def facts(run):
    return {row[0]: row[1] for row in what_was_run(named([load_run(run)])).rows}


def trained(run, fold, **changes):
    change(ModelRecord, run / f"fold{fold}", recipe=recipe(**changes))


def external(run, **changes):
    """Make the run one of a set that the nets had not seen."""
    nets = [NetRecord(folder=f"runs/a/fold{k}", weights_sha=f"{k}" * 64, fold_sha="c" * 64) for k in (0, 2)]
    parts = {"trained_on": "cric", "source": None, "nets": nets, "training_um": None}
    record = ExternalRecord(**(parts | {"out_of_distribution": None} | changes))
    change(RunRecord, run, external=record, protocol="external")
    for fold in range(3):
        (run / f"fold{fold}/model.json").unlink(missing_ok=True)


def dataset(run, **changes):
    record: DatasetRecord = RunRecord.read(run).dataset
    change(RunRecord, run, dataset=replace(record, **changes))


def test_notes_follow_the_record(run):
    said = "\n".join(notes(run))
    assert "phantom" in said
    assert "profile quick" in said
    dataset(run, phantom=False)
    change(RunRecord, run, profile="paper", control="shuffle")
    said = "\n".join(notes(run))
    assert "phantom" not in said
    assert "profile" not in said
    assert "control run (shuffle)" in said


def test_siblings_in_training_are_counted(tmp_path):
    by_field = write_synthetic_run(tmp_path / "field", cells=42, protocol="field")
    assert any(note.startswith("field folds: no test cell has a cell of its field") for note in notes(by_field))
    by_cell = write_synthetic_run(tmp_path / "cell", cells=42)
    assert any(note.startswith("cell folds: 100.0 % of test cells") for note in notes(by_cell))


def test_folds_that_are_not_scored_are_named(run):
    assert any(note.startswith("only folds 0,1,2 of 5") for note in notes(run))
    for fold in range(3):
        (run / f"fold{fold}/scores.csv").unlink()
    assert "no fold is scored yet" in notes(run)
    assert facts(run)["Snapshot scored"] == "paper (lowest validation loss on the fold that is reported)"


def test_the_papers_choice_under_field_is_named_on_every_table(run):
    change(RunRecord, run, protocol="field")
    assert CAVEAT in notes(run)
    assert all(any(CAVEAT in note for note in table.of_runs) for table in all_tables(named([load_run(run)])))
    for fold in range(3):
        change(ModelRecord, run / f"fold{fold}", select="inner")
    assert not any("snapshot" in note for note in notes(run))


def test_a_fold_trained_by_hand_is_given_no_history(run):
    (run / "fold1/model.json").unlink()
    said = notes(run)
    assert f"fold 1: {BY_HAND}" in said
    assert f"folds 0,2: {AS_IN_THE_PAPER}" in said
    assert facts(run)["Weights"] == f"folds 0,2: {CAFFENET}, sha256 111111111111; fold 1: not recorded"
    for fold in (0, 2):
        (run / f"fold{fold}/model.json").unlink()
    assert facts(run)["Weights"] == "not recorded"
    assert facts(run)["Snapshot scored"] == "the newest one of a training by hand"


def test_a_training_that_has_not_ended_is_not_called_one_by_hand(run):
    (run / "fold1/model.json").unlink()
    recipe(weights=OTHER).write(run / "fold1")
    said = notes(run)
    assert f"fold 1: {UNFINISHED}" in said
    assert not any(BY_HAND in note for note in said)
    assert facts(run)["Weights"].endswith("; fold 1: other.caffemodel, sha256 222222222222")
    assert "; fold 1: the newest one of a training that has not ended" in facts(run)["Snapshot scored"]


def test_folds_that_were_trained_differently_are_named(run):
    assert not any("trained differently" in note for note in notes(run))
    trained(run, 1, solver="e" * 64, epochs=7, recipe_sha="9" * 64)
    assert any("(folds 0,2 against fold 1: solver, epochs)" in note for note in notes(run))


def test_an_adapted_net_shows_its_whole_chain(run):
    for fold in range(3):
        trained(run, fold, source=source_record())
    net = "ConvNet-T of herlev-cell-paper, fold 3, sha256 bbbbbbbbbbbb, trained on herlev (917 cells, aaaaaaaaaaaa)"
    assert facts(run)["Weights"] == f"{net}, from {CAFFENET}, sha256 111111111111"
    (note,) = [note for note in notes(run) if note.startswith("adapted: ")]
    assert "herlev-cell-paper, fold 3, trained on herlev" in note
    change(ModelRecord, run / "fold1", blend=BlendRecord(share=0.0, abnormal=2, normal=21, tried=()))
    kept, adapted = (
        next(note for note in notes(run) if text in note) for text in ("fold 1: not", "folds 0,2: adapted")
    )
    assert "herlev-cell-paper, fold 3" in kept and "herlev-cell-paper, fold 3" in adapted
    for fold in range(3):
        trained(run, fold, source=source_record(recipe=None))
    assert facts(run)["Weights"] == f"{net}, from not recorded"


def test_scores_that_do_not_belong_together_are_named(run):
    assert not [note for note in notes(run) if note.startswith("scores")]
    change_scores(run / "fold1", views=1)
    change_scores(run / "fold2", 10, precision="int8")
    assert [note for note in notes(run) if note.startswith("scores")] == [
        f"scores: {USUAL} (folds 0,2); 1 views x 10 crops by caffe in float32 (fold 1), which do not belong together",
        f"scores with centres moved by up to 10 px: {USUAL} (folds 0,1); "
        f"100 views x 10 crops by caffe in int8 (fold 2), at the true centres {USUAL}",
    ]


def test_a_doubt_of_a_folds_net_is_a_note(run):
    change_scores(run / "fold1", doubt="no good")
    assert "fold 1: no good" in notes(run)


def test_an_external_set_names_its_nets_and_all_they_were_trained_on(run):
    """Its folds have no nets of their own, and that is no training by hand."""
    first = source_record(run="b", dataset=SourceDataset(name="phantom", cells=9, dataset_sha="e" * 64))
    external(run, source=source_record(recipe=recipe(source=first)), out_of_distribution=2)
    change_scores(run / "fold0", doubt="no good")
    said = notes(run)
    assert not any(BY_HAND in note for note in said)
    assert "fold 0: on this set: no good" in said
    text = said[-1]
    assert "; trained on cric, before that on herlev, before that on phantom, 2 net(s)" in text
    assert "100 view(s) x 10 crops a cell" in text
    assert "2 of its cells are out of distribution" in text
    assert facts(run)["Weights"] == "runs/a/fold0, sha256 000000000000; runs/a/fold2, sha256 222222222222"
    assert facts(run)["Snapshot scored"] == "those of the nets' own runs"


@pytest.mark.parametrize(
    ("shares", "said", "caution"),
    [
        ((None, None), [], False),
        ((0.5, 0.5), [kept(0.5)], False),
        ((0.0, 0.0), [kept(0)], True),
        ((1.0, 0.0), [f"1 of them {kept(0)}", f"1 of them {kept(1)}"], True),
    ],
)
def test_an_external_set_says_which_weights_its_nets_kept(run, shares, said, caution):
    dataset(run, phantom=False)
    external(run)
    record = RunRecord.read(run).external
    nets = [replace(net, share=share) for net, share in zip(record.nets, shares, strict=True)]
    change(RunRecord, run, external=replace(record, nets=nets))
    parts = notes(run)[-1].split("; ")
    assert [part for part in parts if kept(0) in part or "weights" in part] == said
    assert headline(named([load_run(run)])[0]).caveat.startswith("Caution: ") is caution


@pytest.mark.parametrize(
    ("resampled", "training", "pixel", "said"),
    [
        ((), None, 0.2, "not known on both sides"),
        ((), 0.2, 0.2, "images of 0.2 um a pixel, as those of the training"),
        ((0.25, 0.3), 0.201, 0.201, "images of 0.25 and 0.3 um a pixel, resampled to 0.201"),
    ],
)
def test_an_external_set_says_at_what_size_of_pixel(run, resampled, training, pixel, said):
    external(run, training_um=training)
    dataset(run, pixel_um=pixel, resampled_um=resampled)
    assert said in notes(run)[-1]


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (None, "cannot tell"),
        ((0.0, TOO_FEW), "cannot tell"),
        ((0.05, (0.01, 0.09)), "gained on these cells: AUC +0.050, 95 % +0.010 to +0.090"),
        ((-0.05, (-0.09, -0.01)), "lost on these cells: AUC -0.050"),
        ((0.01, (-0.02, 0.05)), "do not show that adapting gained: AUC +0.010, 95 % -0.020 to +0.050"),
        ((0.0, None), "do not show that adapting gained: AUC +0.000"),
    ],
)
def test_the_verdict_on_an_adapted_net_names_what_adapting_gained(run, gain, said):
    (own,) = named([load_run(run)])
    verdict = gain_verdict(own, gain)
    assert verdict.startswith(headline(own).verdict) and said in verdict
