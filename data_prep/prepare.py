"""From a user's request to a run folder with its frozen split and one fold's data."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from data_prep.cells import Dataset, counts
from data_prep.classes import SEVEN, class_text, outputs_of
from data_prep.dataset import find_data, open_datasets
from data_prep.fold_data import build_fold, fold_cells, key_of
from data_prep.folds import FOLDS, make_split, split_lines
from data_prep.image_hashes import IMAGES, write_images
from data_prep.pixel_size import require_pixel_um
from data_prep.profiles import read_profile, run_profile, view_changes
from deeppap.io.errors import FieldError, UserError
from deeppap.io.files import complete_or_absent
from deeppap.io.names import CsvWriter
from deeppap.records import DatasetRecord, OutputRecord, Request, RunRecord, SetRecord, SplitRecord
from deeppap.records.run_folder import RUNS, default_name, fold_folder, locked, new_run, open_run
from deeppap.records.structs import BORDERS, CONTROLS, ENCODINGS, PROTOCOLS, SELECTIONS


def check(request: Request) -> None:
    """Refuse a choice that does not exist, naming the option."""
    choices = {"protocol": PROTOCOLS, "select": SELECTIONS, "control": CONTROLS, "encoding": ENCODINGS}
    choices |= {"border": BORDERS}
    for name, known in choices.items():
        if getattr(request, name) not in known and getattr(request, name) is not None:
            raise FieldError(name, f"one of {', '.join(known)}", getattr(request, name), "Choose one of them.")
    read_profile(request.profile)


def prepare_run(
    request: Request,
    name: str | None,
    runs: Path = RUNS,
    suffix: str = "",
    require: Callable[[RunRecord, Dataset, SplitRecord], None] | None = None,
) -> tuple[Path, Dataset, SplitRecord, RunRecord]:
    """Open the data set and the run, and freeze the split; or find all three again.

    Without a `name` the run is named after its options, and `suffix`: what else tells it apart. `require` may refuse
    the run before its folder is made.
    """
    check(request)
    require_pixel_um("pixel_um", request.pixel_um)
    paths = find_data(request.data)
    dataset = open_datasets(paths, request.allow_partial, request.classes == "own")
    if request.pixel_um not in (None, dataset.pixel_um):
        dataset, suffix = dataset.seen_at(request.pixel_um), f"-{request.pixel_um:g}um{suffix}"
    split = make_split(dataset, request.protocol, request.seed)
    outputs = output_records(dataset) if dataset.own else None
    jitter = read_profile(request.profile).jitter
    wanted = new_run(request, dataset_record(dataset, paths, split.dataset_sha), outputs, *jitter)
    if require:
        require(wanted, dataset, split)
    folder = runs / (name or f"{default_name(wanted)}{suffix}")
    with locked(folder, wait=True):  # two folds of one run may start at once
        run = open_run(wanted, folder)
        # an external validation refuses images that the nets were trained on, even under other names
        if not (folder / IMAGES).exists():
            write_images(folder / IMAGES, dataset)
        split = freeze(folder, dataset, split)
    if split.dataset_sha != run.dataset.dataset_sha:
        raise UserError(folder / SplitRecord.FILE, "the split of this data set", "another's", "Give another `run`.")
    return folder, dataset, split, run


def dataset_record(dataset: Dataset, paths: Sequence[Path], dataset_sha: str) -> DatasetRecord:
    """What a run keeps of its data set; `paths` are those of its sets, in the order of their names."""
    facts = {name: getattr(dataset, name) for name in ("name", "view_plan", "pixel_um", "paper", "phantom")}
    sets = [(one, str(path.absolute())) for one, path in zip(dataset.sets(), paths, strict=False)]
    return DatasetRecord(
        **facts,
        path=" + ".join(str(path.absolute()) for path in paths),
        dataset_sha=dataset_sha,
        cells=len(dataset.cells),
        labels=counts(dataset.cells),
        resampled_um=dataset.resampled_um(),
        sets=tuple(SetRecord(name=o.name, path=p, cells=len(o.cells), labels=counts(o.cells)) for o, p in sets),
    )


def output_records(dataset: Dataset) -> list[OutputRecord]:
    """One output for each class of the data set.

    Raises UserError for a class that some cells call normal and others not: its output could be neither.
    """
    names = Counter(one.name for one in dataset.classes)
    for name, labels in names.items():
        if labels > 1:
            do = "Give all its cells one label, or use `classes` 2."
            raise UserError(dataset.root, f"one label for all cells of class {name}", f"{labels}", do)
    return [OutputRecord(name=one.name, label=one.label) for one in dataset.classes]


def expected_key(fold: Path) -> str:
    """The fold_sha that the data in a run's fold folder must carry: of that run's split and of that fold."""
    home = fold.resolve().parent
    return key_of(fold, RunRecord.read(home), SplitRecord.read(home))


def freeze(folder: Path, dataset: Dataset, split: SplitRecord) -> SplitRecord:
    """Keep a run's cells and its split; return the split that the run has from then on.

    One that is there already stays: another version of scikit-learn may deal otherwise.
    """
    if not (folder / "cells.csv").exists():
        write_cells(folder / "cells.csv", dataset)
    if not (folder / SplitRecord.FILE).exists():
        split.write(folder)
    return SplitRecord.read(folder)


def write_cells(path: Path, dataset: Dataset) -> None:
    """Write one line a cell: what the tables and figures need to know of it."""
    with complete_or_absent(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = CsvWriter(file, "\r\n")
        writer.writerow(["id", "class7", "class_name", "label", "group", "x", "y"])
        for cell in dataset.cells:
            number = class_text(cell.kind, SEVEN) if dataset.has_seven else ""
            row = [cell.id, number, cell.kind, cell.label, cell.group or ""]
            writer.writerow([*row, *(f"{v:.9g}" for v in cell.centre)])


def prepare_fold(
    request: Request, fold: int, workers: int, name: str | None, runs: Path = RUNS, say: Callable[[str], None] = print
) -> tuple[Path, str]:
    """Build one fold of a run; says first what its plan is, and returns its folder and a line for the user."""
    if not 0 <= fold < FOLDS:
        raise FieldError("fold", f"0 to {FOLDS - 1}", str(fold), "Folds are counted from 0.")
    folder, dataset, split, run = prepare_run(request, name, runs)
    target = fold_folder(folder, fold)
    for line in [*class_lines(dataset, split, fold, run), *split_lines(dataset, split), *view_changes(run)]:
        say(line)
    with locked(target):
        line = build_fold(target, dataset, split, fold, run, run_profile(run), workers)
    return target, line


def class_lines(dataset: Dataset, split: SplitRecord, fold: int, run: RunRecord) -> list[str]:
    """Lines for the user: cells that are left out, what the net tells apart, and classes without a training cell."""
    lines = [line] if (line := dataset.left_out_line()) else []
    if run.classes == "own":
        outputs = outputs_of(run)
        lines.append(f"{len(outputs)} outputs: {', '.join(f'{one.name} ({one.label})' for one in outputs)}")
        trained = {cell.kind for cell in fold_cells(dataset, split, fold, run)[0]}
        if lost := [one.name for one in outputs if one.name not in trained]:
            lines.append(f"!! fold {fold} has no training cell of {', '.join(lost)}: its net cannot learn them !!")
    return lines
