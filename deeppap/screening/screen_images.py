"""Screening images: plan each of them, run the tiles that are missing, write the results."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from data_prep.image_hashes import learned_images
from data_prep.pixel_size import same_pixel
from deeppap.io.errors import FieldError, ListError, UserError
from deeppap.io.files import remove
from deeppap.io.machine import TimeLimitError, time_limit
from deeppap.io.progress import progress
from deeppap.records.run_folder import locked
from deeppap.screening.open_image import open_image, require_unchanged
from deeppap.screening.outputs.pages import trained_text
from deeppap.screening.plan import ImagePlan, Settings, plan_image
from deeppap.screening.results import (
    Failed,
    ImageResult,
    Outputs,
    Work,
    remove_parts,
    require_nothing_overwritten,
    require_same_call,
    write_results,
)
from deeppap.screening.screen_tile import forget, screen_tile
from deeppap.screening.slides.open_slide import PARTS
from deeppap.screening.slides.slide import Box


def screen_images(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    mpp: float | None = None,
    nuclei: Path | None = None,
    outputs: Outputs | None = None,
    keep_parts: bool = False,
    overwrite: bool = False,
    run: Callable | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[ImageResult]:
    """Screen images and write all results into `out`; what an interrupted call finished is not done again.

    `mpp` are micrometres a pixel of all images, instead of what their files state; `nuclei` are those that a person set
    in the one image; with `overwrite`, results of another net may be replaced. `run` runs tiles elsewhere than in this
    process, as `run_here` does. It returns the reason for each that was given up: the results name those, and the same
    call again tries them once more.

    Raises UserError: see `plan_image` and `deeppap.screening.results`; and if another process is at work in `out`.
    """
    require_nothing_overwritten(out, paths, nuclei)
    # a folder that was there before is somebody's, and is left as it was
    fresh = not out.exists()
    with locked(out):
        try:
            work = plan_images(paths, out, settings, mpp, nuclei, say)
            require_same_call(out, [plan for plan, _ in work], overwrite)
        except UserError:
            if fresh:  # of a call that cannot work nothing stays
                remove(out / PARTS)
                (out / ".lock").unlink()
                with suppress(OSError):  # somebody has put a file there
                    out.rmdir()
            raise
        failed = _run_missing(work, run or run_here, say)
        results = write_results(out, work, outputs or Outputs(), failed)
        # the parts of an incomplete screening spare the next call what was done
        if not keep_parts and not failed:
            remove_parts(out / PARTS, [plan for plan, _ in work])
        return results


def plan_images(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    mpp: float | None = None,
    nuclei: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Work:
    """A plan and its tiles for each image; all images that cannot be screened are named before any is screened.

    The pixel size that one image states may be replaced by `mpp`; among several a contradiction is most likely a
    mistake, and refused.

    Raises UserError if an image cannot be screened; of several images, a `ListError` that names each such image.
    """
    work, unusable = [], []
    learned = set().union(*(learned_images(Path(fold)) for fold in settings.folds))
    for path in progress(paths, desc="open", unit="image"):
        try:
            image = open_image(str(path))
            plan = plan_image(path, image, settings, out / PARTS, mpp, nuclei)
            if mpp is not None and image.slide.mpp is not None and not same_pixel(mpp, image.slide.mpp):
                line = f"the file states {image.slide.mpp:g} um a pixel; `mpp` {mpp:g} takes its place"
                if len(paths) > 1:
                    do = "Screen it by itself, or leave `mpp` out for it."
                    raise UserError(path, f"an image of the pixel size `mpp` {mpp:g}", f"{image.slide.mpp:g} um", do)
                say(f"!! {path}: {line} !!")
            if image.slide.pictures > 1:
                say(f"!! {path}: the first of its {image.slide.pictures} pictures is screened !!")
            plan = replace(plan, trained=bool(learned) and not learned.isdisjoint((plan.image_sha, image.pixels_sha)))
            # the tissue is found even if given nuclei do not need it: it reads the whole image once
            work.append((plan, plan.tiles(image.tissue)))
            require_unchanged(plan, image)
        except FieldError:  # an option of the call: the same for every image
            raise
        except UserError as error:
            if len(paths) == 1:
                raise
            unusable.append(error)
    if unusable:
        raise _cannot_screen(unusable, len(paths))
    if trained := [plan.name for plan, _ in work if plan.trained]:
        say(f"!! {trained_text(trained, len(work))} !!")
    return work


def _cannot_screen(errors: Sequence[UserError], images: int) -> UserError:
    """One error of several images' errors: a line for each mistake, with all images that have it."""
    where: dict[tuple[str, str, str], list[str]] = {}
    for error in errors:
        where.setdefault((error.expected, error.found, error.do), []).append(error.where)
    lines = [
        UserError(f"all {images} images" if len(names) == images else ", ".join(names), *said)
        for said, names in where.items()
    ]
    if len(errors) < images:
        do = "Nothing was screened. Correct them, or move them to another folder, and run the same command again."
        lines.append(UserError(f"{images} images", "all to be usable", f"{len(errors)} that cannot be screened", do))
    return lines[0] if len(lines) == 1 else ListError(lines, len(lines))


def run_here(pairs: Sequence[tuple[ImagePlan, Box]], done: Callable[[int], None]) -> Failed:
    """Screen tiles one after another in this process; `done` gets the number of cells of each.

    A tile that takes longer than `Settings.seconds` is given up. A library that never returns to Python is not
    interrupted here; on a cluster its worker is ended.
    """
    failed = {}
    for plan, tile in pairs:
        try:
            with time_limit(plan.settings.seconds):
                cells = screen_tile(plan, tile)
        except TimeLimitError as error:
            # the nets that were cut off in the middle of a pass are opened again
            failed[plan, tile] = str(error)
            forget()
        else:
            done(cells)
    return failed


def _run_missing(work: Work, run: Callable, say: Callable[[str], None]) -> Failed:
    """Run every tile that has no part yet, under a progress bar."""
    missing = [(plan, tile) for plan, tiles in work for tile in tiles if not plan.part(tile).exists()]
    total, noun = 0, "image" if len(work) == 1 else "images"
    say(f"{len(work)} {noun}, {len(missing)} tiles (parts of an image) to screen")
    with progress(total=len(missing), desc="screen", unit="tile") as bar:

        def done(cells: int) -> None:
            nonlocal total
            total += cells
            bar.set_postfix(cells=total, refresh=False)
            bar.update()

        return run(missing, done)
