"""The driver on one machine: plan every image, run the tiles that are missing, write the results."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from deeppap.io.errors import UserError
from deeppap.io.files import remove
from deeppap.records.run_folder import locked
from deeppap.screening.merge import missing_tiles
from deeppap.screening.out_folder import PARTS, remove_parts, require_nothing_overwritten, require_same_images
from deeppap.screening.plan import Plan, Settings
from deeppap.screening.plan_image import contradicted, plan_image, tiles_of_plan
from deeppap.screening.result import ImageResult
from deeppap.screening.screen_tile import Receipt, screen_tile
from deeppap.screening.slides.slide import Box
from deeppap.screening.write_results import WORST, Undone, write_results

Work = list[tuple[Plan, list[Box]]]


def plan_images(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    mpp: float | None = None,
    nuclei: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Work:
    """A plan and its tiles for each image; whatever is wrong with any of them is told before any is screened.

    One image's stated pixel size may be overruled by `mpp`; among several a contradiction is most likely a mistake.
    """
    work = []
    for path in paths:
        plan = plan_image(path, settings, out / PARTS, mpp, nuclei)
        if line := contradicted(path, mpp):
            if len(paths) > 1:
                do = "Screen it by itself, or leave --mpp out for it."
                raise UserError("--mpp", "the pixel size that each file states, where it does", line, do)
            say(f"!! {line} !!")
        work.append((plan, tiles_of_plan(plan)))  # while its image is open
    return work


def run_here(pairs: Sequence[tuple[Plan, Box]], done: Callable[[Receipt], None]) -> Undone:
    """Screen tiles one after another in this process; `done` hears of each."""
    for plan, tile in pairs:
        done(screen_tile(plan, tile))
    return {}


def screen_images(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    mpp: float | None = None,
    nuclei: Path | None = None,
    packed: bool = False,
    shown: int = WORST,
    keep_parts: bool = False,
    run: Callable = run_here,
    say: Callable[[str], None] = lambda _: None,
) -> list[ImageResult]:
    """Screen images and write all results into `out`; what an interrupted call finished is not done again.

    Parameters
    ----------
    run : callable
        Runs missing tiles, as `run_here` does; another may run them elsewhere. It returns why for each that was
        given up: the results name those, and the same call again tries them once more.

    Raises
    ------
    UserError
        See `plan_image` and `deeppap.screening.out_folder`; and where another process is at work in `out`.
    """
    require_nothing_overwritten(out, paths, nuclei)
    fresh = not out.exists()
    with locked(out):
        try:
            work = plan_images(paths, out, settings, mpp, nuclei, say)
            require_same_images(out, [plan for plan, _ in work])
        except UserError:
            if fresh:
                remove(out)
            raise
        undone = run_missing(work, run)
        results = write_results(out, work, packed, shown, undone)
        if not keep_parts and not undone:
            remove_parts(out / PARTS, [plan for plan, _ in work])
        return results


def run_missing(work: Work, run: Callable = run_here) -> Undone:
    """Run every tile whose part is not there, under a progress bar."""
    missing = [(plan, tile) for plan, tiles in work for tile in missing_tiles(plan, tiles)]
    cells = 0
    with tqdm(total=len(missing), desc="screen", unit="tile", disable=None) as bar:

        def done(receipt: Receipt) -> None:
            nonlocal cells
            cells += receipt.cells
            bar.set_postfix(cells=cells, refresh=False)
            bar.update()

        return run(missing, done)
