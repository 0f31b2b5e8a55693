"""External validation: score labelled cells that the nets were not trained on, as a run that the report can read."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import msgspec

from data_prep.cells import Dataset, by_image
from data_prep.classes import LABELS
from data_prep.dataset import open_dataset, reopened
from data_prep.fold_data import fold_cells
from data_prep.image_hashes import (
    NAMED,
    fold_images,
    image_hashes,
    require_held_out,
    some_names,
    tested_images,
    unfit_images,
)
from data_prep.pixel_size import read_cell_image, require_pixel_um, same_pixel
from data_prep.prepare import dataset_record, write_cells
from data_prep.profiles import run_profile
from deeppap.engines.device import Device
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import complete_or_absent, digest, sha256_file, write_text
from deeppap.records import ExternalRecord, Machine, NetRecord, RunRecord, ScoreRecord, SplitRecord
from deeppap.records.provenance import now
from deeppap.records.run_folder import RUNS, fold_folder, new_run
from deeppap.scoring.cell_views import CellViews, ViewChoice, cells_of_data_set, of_pixels, scored_text
from deeppap.scoring.evaluate_fold import file_suffix, precision_of
from deeppap.scoring.ood import share_line
from deeppap.scoring.score_cells import CellScore, all_scores, averaged, judged_cells, score_cells
from deeppap.scoring.score_files import scores_name, write_ood, write_scores, write_view_scores
from deeppap.scoring.thresholds import of_nets
from deeppap.scoring.trained_model import TrainedModel
from deeppap.stats.evidence_of_learning import doubt_of_order
from deeppap.stats.intervals import TOO_FEW, interval
from deeppap.stats.metrics import binary_metrics
from deeppap.training.source import SourceNet

EXTERNAL = "external"  # in the place of a protocol: no cell was held out
ANOTHER = "Give another `run`, or remove that folder."


@dataclass(frozen=True)
class ExternalOptions:
    """What a user may choose; None takes the net's or the data set's own value.

    `mpp` is the side of a pixel in micrometres.
    """

    views: int | None = None
    crops: int | None = None
    mpp: float | None = None
    device: Device = Device()
    name: str | None = None
    skip_known: bool = False  # leave out the images that the nets learned from


@dataclass(frozen=True)
class External:
    """A data set, the nets that score it, and how; `mpp` is the images' pixel size, if the user gave it."""

    dataset: Dataset
    path: Path
    dataset_sha: str  # of the whole set, by which the report finds its images again; `dataset` may be a part of it
    models: list[TrainedModel]
    choice: ViewChoice
    crops: int
    device: Device
    mpp: float | None = None
    chose: bool = False  # whether some of the cells chose the nets' thresholds, and so cannot judge them
    left_out: tuple[str, ...] = ()  # names of the set's images that the nets learned from
    started: str = field(default_factory=now)  # before the scoring

    @property
    def weights_shas(self) -> list[str]:
        """Of the nets, in their order."""
        return [model.weights_sha for model in self.models]

    def default_name(self) -> str:
        """The data set, the run and folds of the nets, and what is not the run's own way of scoring."""
        first = self.models[0]
        folds = "-".join(model.folder.resolve().name for model in self.models)
        name = f"{self.dataset.name}-external-{first.folder.resolve().parent.name}-{folds}"[:180]
        way = file_suffix(first, self.choice.count, self.crops, self.device)
        return name + way + (f"-mpp{self.mpp:g}" if self.mpp else "")


def validate(
    path: Path, models: Sequence[TrainedModel], options: ExternalOptions, say: Callable[[str], None] = print
) -> Path:
    """Score every cell of a data set with each net, average the scores, and return the run's folder.

    UserError if the set shares an image with the training data and `skip_known` is not set, if a pixel size is missing
    or out of range, or if the nets do not belong to one training.
    """
    require_one_training(models)
    opened = open_dataset(path, allow_partial=True, own=models[0].run.classes == "own")
    dataset = as_seen(opened, models[0].run, options.mpp)
    if options.mpp and opened.pixel_um and not same_pixel(options.mpp, opened.pixel_um):
        say(f"!! the set states {opened.pixel_um:g} um a pixel; {options.mpp:g} um takes its place !!")
    if line := dataset.left_out_line():
        say(line)
    # by pixels, not by bytes: the same picture may have been saved in another format
    hashes, whole = image_hashes(dataset), dataset.dataset_sha()
    known = images_to_skip(hashes, models, options.skip_known, options.name or dataset.name)
    if known:
        dataset = replace(dataset, cells=tuple(cell for cell in dataset.cells if cell.image not in known))
        say(f"{left_out_text(known, hashes)}; {len(dataset.cells)} of {len(opened.cells)} cells remain")
    tested = set().union(*(tested_images(model.folder) for model in models))
    chose = any(value in tested for image, value in hashes.items() if image not in known)
    choice, crops = models[0].views(options.views), models[0].crops(options.crops)
    say(f"{path}: {scored_text(len(dataset.cells), choice.count, crops)}, by {len(models)} net(s)")
    if models[0].run.dataset.pixel_um is None:
        say("the pixel size of the training set is unknown: the images are not resampled")
    how = (choice, crops, options.device, options.mpp, chose, tuple(image.name for image in known))
    found = External(dataset, path, whole, list(models), *how)
    folder = RUNS / (options.name or found.default_name())
    # before the work, not after it
    require_replaceable(folder, found)
    # one net after another, so that one engine at a time takes memory
    each = []
    for number, model in enumerate(models, 1):
        engine = model.engine(options.device)
        ready, known = engine.view_input(model.mean, crops), model.ood_reference(say)
        jobs = score_cells(ready, cells_of(dataset, choice), model.outputs, known)
        each.append(all_scores(jobs, len(dataset.cells), f"net {number} of {len(models)}"))
    scores = list(averaged(each))
    if line := share_line(score.out_of_distribution for score in scores):
        say(line)
    for line in auc_by_mark(scores):
        say(line)
    write_external(folder, found, scores)
    return folder


def auc_by_mark(scores: Sequence[CellScore]) -> Iterator[str]:
    """A line for the cells that are out of distribution, and one for the others: the AUC, with an interval by groups.

    One line says why, if a part has no AUC. Nothing if no cell was checked.
    """
    if all(score.out_of_distribution is None for score in scores):
        return
    lines = []
    for marked, words in ((False, "not out of distribution"), (True, "out of distribution")):
        labels, values, groups = judged_cells([score for score in scores if score.out_of_distribution is marked])
        if len(set(labels)) < 2:
            kind = f"only {LABELS[labels[0]]} cells" if labels else "no normal or abnormal cells"
            yield f"AUC by out-of-distribution mark: unknown, since {kind} of this set are {words}"
            return
        auc = binary_metrics(labels, values)["auc"]
        limits = interval(labels, values, "auc", groups)
        spread = f" ({limits[0]:.3f}-{limits[1]:.3f})" if limits and limits != TOO_FEW else ""
        lines.append(f"AUC of the {len(labels):,} cells that are {words}: {auc:.3f}{spread}")
    yield from lines


def score_source(
    run: Path, source: SourceNet, folds: Sequence[int], device: Device, folder: Path, say: Callable[[str], None] = print
) -> Path:
    """Score the test cells of a run's folds with the net that it was adapted from, into the run folder `folder`.

    The views are those of the run, so that only the net differs. Scores that exist are kept.

    UserError if the source was trained on an image of these cells, or the run's data set cannot be read.
    """
    record, split = RunRecord.read(run), SplitRecord.read(run)
    profile, data = run_profile(record), record.dataset
    for fold in folds:
        built = fold_folder(run, fold)
        require_held_out(fold_images(built), built, source.seen, source.fold)
    dataset = reopened(record)
    cells = tuple(cell for fold in folds for cell in fold_cells(dataset, split, fold, record)[2])
    model = TrainedModel.open(source.fold, source.weights, say=say)
    # the border is the source's own: it has learned no other
    choice = ViewChoice(profile.test, profile.test_views, record.seed, model.run.border)
    tested = replace(dataset, cells=cells)
    found = External(tested, Path(data.path), data.dataset_sha, [model], choice, profile.crops, device)
    require_replaceable(folder, found)
    if folder.exists():
        return folder
    say(f"{source.weights} as it is: {scored_text(len(cells), choice.count, profile.crops)}")
    ready = model.engine(device).view_input(model.mean, profile.crops)
    jobs = score_cells(ready, cells_of_data_set(cells, choice), model.outputs)
    write_external(folder, found, all_scores(jobs, len(cells), "score"))
    return folder


def require_one_training(models: Sequence[TrainedModel]) -> None:
    """Refuse nets that are not folds of one study: of other data, folds, classes, views, selection or start."""
    first, own = models[0], _training(models[0])
    for model in models[1:]:
        for what, value in _training(model).items():
            if value != own[what]:
                do = "Give folds of one training only."
                raise UserError(model.folder, f"{what} {own[what]} as in {first.folder}", f"{value}", do)
    seen = set()
    for model in models:
        # folds that kept their source have the same weights
        net = model.weights_sha, model.record.fold_sha if model.not_adapted else ""
        if net in seen:
            raise FieldError("net", "every net once", f"the weights {net[0][:12]} twice", "Give each net once.")
        seen.add(net)


def _training(model: TrainedModel) -> dict[str, object]:
    """What the nets of one study have in common."""
    run, names = model.run, ("classes", "outputs", "profile", "border", "seed", "protocol", "select", "control")
    facts = {name: getattr(run, name) for name in names}
    facts |= {"dataset_sha": run.dataset.dataset_sha, "pixel_um": run.dataset.pixel_um}
    # None if Caffe was started by hand
    source, recipe = (model.origin.source, model.origin.recipe) if model.origin else (None, None)
    start = f"{source.run}, fold {source.fold}, {source.weights_sha[:12]}" if source else "no net"
    facts |= {"split_sha": model.split.split_sha, "adapted from": start}
    return facts | {"solver, counts and weights": recipe.recipe_sha[:12] if recipe else "not recorded"}


def images_to_skip(images: Mapping[Path, str], models: Sequence[TrainedModel], skip: bool, name: str) -> list[Path]:
    """The images that the nets, or the nets they were adapted from, learned from, by their pixels' checksums.

    UserError if there are any, unless they are to be skipped and others remain. If it cannot name all, it writes their
    names into a file in runs/, which begins with `name`.
    """
    unfit = set().union(*(unfit_images(model.folder, model.run) for model in models))
    known = sorted(path for path, value in images.items() if value in unfit)
    others = len(known) < len(images)
    if known and not (skip and others):
        names = [path.name for path in known]
        found = f"{len(known)} of the {len(images)} images in its training data: {some_names(names)}"
        if len(names) > NAMED:
            file = RUNS / f"{name}-known-images.txt"
            write_text(file, "".join(f"{name}\n" for name in names))
            found += f", all in {file}"
        do = "Leave them out by `skip_known`" if others else "Validate on other images"
        do += ": the net has seen them, or their neighbours, in training."
        raise UserError(models[0].folder, "images that the net has not learned from", found, do)
    return known


def left_out_text(known: Sequence[Path], images: Collection[Path]) -> str:
    """Which images are not scored, since the nets learned from them."""
    names = some_names([path.name for path in known])
    return f"left out {len(known)} of {len(images)} images, which the net learned from: {names}"


def as_seen(dataset: Dataset, run: RunRecord, mpp: float | None) -> Dataset:
    """A data set as the nets of a run see it; `mpp` is its pixel size in micrometres, if the user gave it.

    UserError if only one of both pixel sizes is known, and the user gave it or could.
    """
    require_pixel_um("mpp", mpp)
    trained = run.dataset.pixel_um
    if mpp is not None:
        if trained is None:
            raise FieldError("mpp", "a net whose training set states its pixel size", "none", "Leave `mpp` out.")
        sizes = sorted({cell.pixel_um for cell in dataset.cells if cell.pixel_um})
        if len(sizes) > 1:
            found = " and ".join(f"{size:g}" for size in sizes[:3])
            raise FieldError("mpp", "images of one pixel size", f"{found} um in pixel_um", "Leave `mpp` out.")
        dataset = dataset.stated(mpp)
    elif trained is not None and dataset.pixel_um is None:
        found, do = "none stated", "Give `mpp`, or add the column pixel_um to the manifest."
        raise UserError(dataset.root, f"the images' pixel size, since the net was trained at {trained:g} um", found, do)
    return dataset.seen_at(trained)


def cells_of(dataset: Dataset, choice: ViewChoice) -> Iterator[CellViews]:
    """The views of all cells, image after image. Each image is read once."""
    read = lru_cache(maxsize=1)(read_cell_image)
    for cell in by_image(dataset.cells):
        image = read(cell.image, cell.scale)
        yield replace(of_pixels(image.pixels, image.place(cell.centre), choice, cell.image), cell=cell)


def require_replaceable(folder: Path, found: External) -> None:
    """Refuse a folder that holds anything but an older validation of this data set by these nets."""
    if not folder.exists():
        return
    old = RunRecord.read(folder)
    for same, of, what in (
        (old.protocol == EXTERNAL, "", "another run"),
        (old.dataset.dataset_sha == found.dataset_sha, " of this set", "another set's"),
        (old.net_shas == found.weights_shas, " of these nets", "other nets'"),
    ):
        if not same:
            raise UserError(folder, f"a new folder or an older validation{of}", what, ANOTHER)


def write_external(folder: Path, found: External, scores: Sequence[CellScore]) -> None:
    """Write a run's folder with one fold, complete or not at all; an older one is replaced.

    `scores` are sorted by the ids of their cells.
    """
    ids = [cell.id for cell in found.dataset.cells]
    # in the form of a run, so that report, compare and baselines read it like any other
    with complete_or_absent(folder) as partial:
        fold = fold_folder(partial, 0)
        fold.mkdir(parents=True)
        _run_record(found, scores).write(partial)
        SplitRecord.of(EXTERNAL, found.models[0].run.seed, found.dataset_sha, [ids]).write(partial)
        write_cells(partial / "cells.csv", found.dataset)
        write_view_scores(fold / "view_scores.csv", scores)
        if scores[0].ood_score is not None:
            write_ood(fold / "ood.csv", scores)
        path = fold / scores_name()
        write_scores(path, scores)
        _score_record(found, scores, path).write_beside(path)


def _run_record(found: External, scores: Sequence[CellScore]) -> RunRecord:
    first, marks = found.models[0], [score.out_of_distribution for score in scores]
    data = dataset_record(found.dataset, [found.path], found.dataset_sha)
    # the paper has figures of these cells only where they were held out from training
    data = msgspec.structs.replace(data, paper=None)
    nets = [
        NetRecord(
            folder=str(model.folder),
            weights_sha=model.weights_sha,
            fold_sha=model.record.fold_sha,
            share=model.origin.blend.share if model.origin and model.origin.blend else None,
        )
        for model in found.models
    ]
    trained_on, source = first.run.dataset.name, first.origin.source if first.origin else None
    if source and all(model.not_adapted for model in found.models):  # they have learned nothing of their own set
        trained_on, source = source.dataset.name, source.recipe.source if source.recipe else None
    external = ExternalRecord(
        trained_on=trained_on,
        source=source,
        nets=nets,
        training_um=first.run.dataset.pixel_um,
        out_of_distribution=None if None in marks else sum(marks),
        left_out=found.left_out,
    )
    made = new_run(first.run, data, first.run.outputs, first.run.stain_jitter, first.run.scale_jitter)
    return msgspec.structs.replace(made, protocol=EXTERNAL, external=external, started=found.started)


def _score_record(found: External, scores: Sequence[CellScore], path: Path) -> ScoreRecord:
    """The record of the scores; of several nets `weights_sha` and `fold_sha` are digests over all of them."""
    folds = [model.record.fold_sha for model in found.models]
    one = len(found.models) == 1
    return ScoreRecord(
        cells=len(scores),
        views=found.choice.count,
        crops=found.crops,
        shift=0,
        engine=found.device.engine,
        precision=precision_of(found.device),
        device=found.device.scores_on,
        machine=Machine.here(),
        weights=str(found.models[0].weights) if one else None,
        weights_sha=found.weights_shas[0] if one else digest(found.weights_shas),
        fold_sha=folds[0] if one else digest(folds),
        csv_sha=sha256_file(path),
        doubt=doubt_of_order(*judged_cells(scores)),
        thresholds=(not found.chose and of_nets(found.models)) or None,
    )
