"""How many cells are unlike those that their net was trained on: one line, and unlike.csv beside the scores."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from deeppap.scoring.cell_score import CellScore
from deeppap.scoring.write_scores import write_rows

COLUMN = "unlike_training"
MARKS = {None: "", False: "no", True: "yes"}


def say_share(marks: Iterable[bool | None], say: Callable[[str], None]) -> None:
    """Say the line that tools end with, of each cell's `unlike_training`; nothing where no cell was compared."""
    known = [mark for mark in marks if mark is not None]
    if known:
        say(share_text(sum(known), len(known)))


def share_text(marked: int, compared: int) -> str:
    """That line for so many marked cells of those that were compared, of which there is one at the least."""
    found = f"{marked} of {compared} cells ({100 * marked / compared:.1f} %)"
    return f"{found} are unlike the net's training cells ({COLUMN}); what that means: docs/out_of_distribution.md"


def write_unlike(path: Path, scores: Sequence[CellScore]) -> None:
    """Write id, distance from the training cells in parts of the limit, and the mark."""
    rows = ([s.cell.id, f"{s.unlike:.4f}", MARKS[s.unlike_training]] for s in scores)
    write_rows(path, ["id", "distance", COLUMN], rows)
