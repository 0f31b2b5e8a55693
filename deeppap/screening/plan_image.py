"""Making the plan of one image: everything about it is checked here, before any work."""

from pathlib import Path

from data_prep.resample import same_pixel
from data_prep.views import PATCH
from deeppap.io.errors import UserError
from deeppap.io.files import digest, sha256_file
from deeppap.screening.given_nuclei import GivenNuclei, keep_nuclei
from deeppap.screening.nuclei_file import read_nuclei
from deeppap.screening.plan import Plan, Settings
from deeppap.screening.screen_tile import opened
from deeppap.screening.slides.companions import companions
from deeppap.screening.slides.slide import PIXEL_SIZES, Box, Slide
from deeppap.screening.tiles import tiles_of

SMALLEST_TILE = 256


def plan_image(
    path: Path, settings: Settings, parts: Path, mpp: float | None = None, nuclei: Path | None = None
) -> Plan:
    """Plan an image.

    Parameters
    ----------
    parts : Path
        The folder for its parts.
    mpp : float, optional
        Micrometres a pixel, where the file does not state it; else it takes the place of what the file states.
    nuclei : Path, optional
        A person's nuclei, GeoJSON or CSV, instead of a detector's.

    Raises
    ------
    UserError
        For an image without a pixel size, too small, or grey for a net of colour; and whatever is wrong with
        `nuclei`.
    """
    slide = opened(str(path)).slide
    width, height = slide.levels[0]
    pixel_size = _pixel_size(path, slide, mpp)
    _require_large_enough(path, slide, pixel_size, settings.training_mpp)
    _require_colour(path, slide, settings)
    kept = None if nuclei is None else _kept(nuclei, parts, path, slide, pixel_size)
    return Plan(
        image=str(path),
        image_sha256=_sha256(path),
        width=width,
        height=height,
        mpp=pixel_size,
        settings=settings,
        parts=str(parts),
        origin=slide.origin,
        nuclei=str(kept.folder) if kept else None,
        nuclei_sha256=kept.sha256() if kept else None,
        nuclei_file=nuclei.name if kept else None,
    )


def _kept(nuclei: Path, parts: Path, image: Path, slide: Slide, mpp: float) -> GivenNuclei:
    """A person's nuclei of an image, beside its parts."""
    parts.mkdir(parents=True, exist_ok=True)
    found = read_nuclei(nuclei, image.name, slide.levels[0], mpp, slide.origin)
    return keep_nuclei(parts / f"{image.stem}_nuclei", found)


def tiles_of_plan(plan: Plan) -> list[Box]:
    """A plan's tiles: where there is tissue, or anywhere where a person set the nuclei."""
    tissue = opened(plan.image).tissue  # also where it is not needed: what cannot be read is told before any work
    finer = min(1.0, plan.settings.training_mpp / plan.mpp)  # of coarse pixels there are fewer in as much work
    side = max(SMALLEST_TILE, round(plan.settings.tile * finer))
    return tiles_of(plan.width, plan.height, side, None if plan.nuclei else tissue)


def _pixel_size(path: Path, slide: Slide, given: float | None) -> float:
    low, high = PIXEL_SIZES
    if given is not None and not low <= given <= high:
        raise UserError("--mpp", f"{low:g} to {high:g} micrometres a pixel", f"{given:g}", "Give the image's own.")
    found = given if given is not None else slide.mpp
    if found is None:
        do = "Give it with --mpp, in micrometres a pixel: a guess would change every score."
        raise UserError(path, "an image that states its pixel size", "none", do)
    return found


def _require_colour(path: Path, slide: Slide, settings: Settings) -> None:
    if not slide.colour and not settings.grey_as_colour:
        do = "Its cells can be found but not scored; --grey-as-colour scores them all the same."
        raise UserError(path, "a colour image for a net of colour", "a grey one", do)


def _require_large_enough(path: Path, slide: Slide, mpp: float, training_mpp: float) -> None:
    width, height = (n * mpp / training_mpp for n in slide.levels[0])
    if min(width, height) < PATCH:
        found = f"{width:.0f} x {height:.0f} of them"
        expected = f"a field of at least {PATCH} x {PATCH} pixels of {training_mpp:g} um"
        raise UserError(path, expected, found, "Score a picture of a single cell with tools/classify.py.")


def contradicted(path: Path, given: float | None) -> str | None:
    """A line where an image states another pixel size than the one that is given in its place."""
    stated = None if given is None else opened(str(path)).slide.mpp
    if stated is None or same_pixel(given, stated):
        return None
    return f"{path}: the file states {stated:g} um a pixel; --mpp {given:g} takes its place"


def _sha256(path: Path) -> str:
    """Of an image; of a slide in many files, also their names and sizes."""
    if others := companions(path):
        return digest(sha256_file(path), [[p.name, p.stat().st_size] for p in others])
    return sha256_file(path)
