"""The phantom: drawn cells in Herlev's shape, for trying and testing without Herlev.

It is a drawing. It learns like a data set, and no figure from it is a result.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from data_prep.herlev_classes import CLASSES, NUCLEUS
from data_prep.phantom_mark import MARK
from deeppap.io.cores import usable_cores
from deeppap.io.errors import UserError
from deeppap.io.files import complete_or_absent, require_space
from deeppap.phantom.cell import draw_cell
from deeppap.phantom.names import Place, class_counts, places
from deeppap.phantom.styles import HE, HE_BACKGROUND, PAP, PAP_BACKGROUND

SMALLEST, LARGEST = 14, 20_000
MANIFEST_CELLS = 2 * 989  # paper: "HEMLBC Dataset"
SLIDES = 8  # of each label, as there

_VERSION = 1  # a change in how cells are drawn raises it, so that an older folder is not taken for this one
_TINTS, _SLIDES, _SHUFFLE = 101, 102, 103  # places of random numbers beside the classes 0..6
_IN_PROCESS = 48  # below that many cells, starting workers takes longer than drawing

README = """This is a phantom: every cell in it was drawn by a program (tools/make_phantom.py).
It has the shape of a real set and is there for trying and testing the tools.
No figure obtained from it is a result, and nothing in it says anything about real cells.
"""


def make_phantom(out: Path, cells: int | None = None, seed: int = 1, workers: int | None = None) -> list[int]:
    """Draw a Herlev-shaped set: seven class folders of `<stem>.BMP` and `<stem>-d.bmp` (paper: Table 1).

    Parameters
    ----------
    out : Path
        The folder to make. One that already is this phantom is left as it is.
    cells : int, optional
        How many cells, 14 at least; Herlev's 917 where left out.
    seed : int
        The same seed gives the same bytes, whatever the number of workers.
    workers : int, optional
        Processes; one for each core where left out.

    Returns
    -------
    list of int
        The number of cells in each of the seven classes.

    Raises
    ------
    UserError
        For an argument out of range, a folder that holds something else, or a full disk.
    """
    workers = _check(cells, seed, workers)
    counts = class_counts(cells)
    jobs = [(place, seed) for place in places(counts, seed)]
    _write_set(Path(out), {"shape": "herlev", "counts": counts, "seed": seed}, _herlev_cell, jobs, workers)
    return counts


def make_phantom_manifest(out: Path, cells: int | None = None, seed: int = 1, workers: int | None = None) -> Path:
    """Draw a set in HEMLBC's shape (paper: "HEMLBC Dataset"): `images/` and a manifest, no masks.

    Arguments and errors are `make_phantom`'s; `cells` is even, half of them normal, 1,978 where left out.

    Returns
    -------
    Path
        `cells.csv`: image, label, nucleus_x, nucleus_y (0-based pixels), group (the slide).
    """
    workers = _check(cells, seed, workers)
    cells = MANIFEST_CELLS if cells is None else cells
    if cells % 2:
        raise UserError("--cells", "an even number (half normal, half abnormal)", f"{cells}", f"Use {cells + 1}.")
    # the order of the files must not tell the label
    order = np.random.default_rng(np.random.SeedSequence((seed, _SHUFFLE))).permutation(cells)
    jobs = [(int(at) % 2, int(at) // 2, f"{name:05d}", seed) for name, at in enumerate(order, 1)]
    about = {"shape": "manifest", "counts": [cells // 2, cells // 2], "seed": seed}
    _write_set(Path(out), about, _manifest_cell, jobs, workers)
    return Path(out) / "cells.csv"


def _check(cells: int | None, seed: int, workers: int | None) -> int:
    """The number of workers, once every argument is in range."""
    if cells is not None and not SMALLEST <= cells <= LARGEST:
        raise UserError("--cells", f"{SMALLEST} to {LARGEST}", f"{cells}", "Choose a number in that range.")
    if not 0 <= seed < 2**63:
        raise UserError("--seed", "0 or a positive whole number", f"{seed}", "Choose another seed.")
    if workers is not None and not 1 <= workers <= 256:
        raise UserError("--workers", "1 to 256", f"{workers}", "Leave it out to use every core.")
    return workers or usable_cores()


def _write_set(out: Path, about: dict, draw: Callable, jobs: list[tuple], workers: int) -> None:
    """Write the whole folder, or nothing; a folder that already is this set is left alone."""
    out = Path(os.path.normpath(out.absolute()))  # "." has no name of its own
    about = {"drawing": _VERSION, **about}
    if _is_there(out, about):
        print(f"{out}: already this phantom, left as it is")
        return
    try:
        with complete_or_absent(out) as partial:
            require_space(out.parent, _need_bytes(about))
            _folders(partial, about)
            rows = _draw_all(draw, [(str(partial), *job) for job in jobs], workers)
            if about["shape"] == "manifest":
                lines = ["image,label,nucleus_x,nucleus_y,group", *rows]
                (partial / "cells.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (partial / "README.txt").write_text(README, encoding="utf-8")
            (partial / MARK).write_text(json.dumps(about) + "\n", encoding="utf-8")
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise UserError(out, "a folder that can be made", f"{error.strerror}", "Choose another place.") from None


def _is_there(out: Path, about: dict) -> bool:
    if not os.path.lexists(out):
        return False
    try:
        mark = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        mark = None
    images = sum(path.suffix in (".BMP", ".png") for path in out.glob("*/*")) if mark == about else 0
    if mark == about and images == sum(about["counts"]):
        return True
    what = "another phantom" if isinstance(mark, dict) else "something else"
    if mark == about:
        what = f"this phantom with {images} of its {sum(about['counts'])} images"
    raise UserError(out, "no such folder, or this phantom", what, "Choose another folder; this one is not touched.")


def _need_bytes(about: dict) -> int:
    """Uncompressed images and masks, with a quarter to spare."""
    styles, layers = (PAP, 2) if about["shape"] == "herlev" else (HE, 1)
    pixels = sum(n * style.height * style.width for n, style in zip(about["counts"], styles, strict=True))
    return int(pixels * 3 * layers * 1.25)


def _folders(partial: Path, about: dict) -> None:
    names = [entry.folder for entry in CLASSES] if about["shape"] == "herlev" else ["images"]
    for name in names:
        (partial / name).mkdir(parents=True)


def _draw_all(draw: Callable, jobs: Sequence[tuple], workers: int) -> list[str]:
    """Run every job and hand back what each returned, in the order of the jobs."""
    bar = {"total": len(jobs), "desc": "drawing", "unit": "cell", "disable": None}
    if workers == 1 or len(jobs) < _IN_PROCESS:
        return [draw(job) for job in tqdm(jobs, **bar)]
    # spawned, not forked: OpenCV's threads do not survive a fork
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, _start_worker)
    try:
        return list(tqdm(pool.map(draw, jobs, chunksize=8), **bar))
    except BrokenProcessPool:
        raise UserError(
            "--workers", f"{workers} running workers", "one was killed", "Use fewer; memory may be short."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    cv2.setNumThreads(1)


def _tint(*key: int) -> np.ndarray:
    """The stain and light that all cells of one field or slide share, a factor a channel."""
    rng = np.random.default_rng(np.random.SeedSequence(key))
    return rng.normal(1, 0.05) * rng.normal(1, 0.025, 3)


def _herlev_cell(job: tuple[str, Place, int]) -> str:
    folder, place, seed = job
    rng = np.random.default_rng(np.random.SeedSequence((seed, place.class7, place.index)))
    image, mask = draw_cell(PAP[place.class7], rng, PAP_BACKGROUND, _tint(seed, _TINTS, place.field))
    stem = Path(folder) / CLASSES[place.class7].folder / place.stem
    _write_image(stem.with_name(f"{stem.name}.BMP"), image)
    _write_image(stem.with_name(f"{stem.name}-d.bmp"), mask)
    return place.stem


def _manifest_cell(job: tuple[str, int, int, str, int]) -> str:
    folder, label, index, name, seed = job
    slide = label * SLIDES + index % SLIDES
    rng = np.random.default_rng(np.random.SeedSequence((seed, _SLIDES, label, index)))
    image, mask = draw_cell(HE[label], rng, HE_BACKGROUND, _tint(seed, _SLIDES, slide))
    y, x = np.nonzero((mask == NUCLEUS).all(axis=2))
    _write_image(Path(folder) / "images" / f"{name}.png", image)
    return f"images/{name}.png,{label},{x.mean():.3f},{y.mean():.3f},slide{slide + 1:02d}"


def _write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB image; through Python, so that a full disk is an error and not just False."""
    ok, data = cv2.imencode(path.suffix.lower(), image[:, :, ::-1])
    if not ok:
        raise RuntimeError(f"OpenCV cannot encode {path.suffix}")
    path.write_bytes(data)
