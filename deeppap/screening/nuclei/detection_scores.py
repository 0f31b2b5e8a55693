"""Precision, recall and F of a detector, pooled over fields; recall by class; error of the centres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_prep.manifest_values import BETHESDA
from deeppap.screening.nuclei.matching import Matched, match

CELL_MPP = 0.201  # micrometres a pixel of the set that the cell net was trained on
# every other label is abnormal
NORMAL = {"normal", "0", *(name for name, label in BETHESDA.items() if label == 0)}


@dataclass(frozen=True)
class DetectionScores:
    """Counts and errors over all fields; `by_label` is (hits, marks) a class, `errors` are pixels."""

    fields: int
    hits: int
    false: int
    missed: int
    by_label: dict[str, tuple[int, int]]
    errors: np.ndarray

    @property
    def precision(self) -> float:
        """Hits among what was detected; nan where nothing was."""
        return _ratio(self.hits, self.hits + self.false)

    @property
    def recall(self) -> float:
        """Hits among what was marked; nan where nothing was."""
        return _ratio(self.hits, self.hits + self.missed)

    @property
    def f(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.hits, 2 * self.hits + self.false + self.missed)

    @property
    def abnormal(self) -> tuple[int, int] | None:
        """Hits and marks of abnormal cells, where classes are known; a mark without one counts in neither."""
        counts = [value for label, value in self.by_label.items() if label and label.strip().lower() not in NORMAL]
        return (sum(h for h, _ in counts), sum(n for _, n in counts)) if any(self.by_label) else None


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def pool(results: Sequence[Matched]) -> DetectionScores:
    """Scores over all fields together, as Cervix93's own script pools them."""
    labels: dict[str, list[int]] = {}
    for result in results:
        hit = set(result.pairs[:, 1].tolist())
        for index, label in enumerate(result.field.labels):
            count = labels.setdefault(label, [0, 0])
            count[0] += index in hit
            count[1] += 1
    errors = np.concatenate([r.errors for r in results]) if results else np.empty(0)
    return DetectionScores(
        len(results),
        sum(len(r.pairs) for r in results),
        sum(len(r.false) for r in results),
        sum(len(r.missed) for r in results),
        {label: (hits, marks) for label, (hits, marks) in sorted(labels.items())},
        errors,
    )


def report(results: Sequence[Matched], mpp: float, shift: float = 10.0) -> str:
    """The lines that a person reads; `shift` is what the cell net was trained to bear, in its pixels of 0.201 um."""
    scores = pool(results)
    lines = [
        f"{scores.fields} fields, {scores.hits + scores.missed} nuclei marked, {scores.hits + scores.false} detected: "
        f"{scores.hits} hits, {scores.missed} missed, {scores.false} false",
        f"precision {scores.precision:.3f}, recall {scores.recall:.3f}, F {scores.f:.3f}",
    ]
    lines += by_region(results)
    if scores.abnormal:
        hits, marks = scores.abnormal
        lines.append(f"recall of abnormal cells {_ratio(hits, marks):.3f} ({hits}/{marks})")
        lines += [f"  {label or 'no class'}: {hits}/{marks}" for label, (hits, marks) in scores.by_label.items()]
    if scores.errors.size:
        mean, median, high = scores.errors.mean(), *np.percentile(scores.errors, (50, 95))
        within = (scores.errors * mpp <= shift * CELL_MPP).mean()
        lines.append(
            f"centres off by {mean:.1f} pixels on average, {median:.1f} median, {high:.1f} at 95 % "
            f"({mean * mpp:.2f}, {median * mpp:.2f}, {high * mpp:.2f} um)"
        )
        bears = f"the {shift:g} pixels of {CELL_MPP} um that the cell net was trained to bear"
        lines.append(f"{100 * within:.1f} % of hits within {bears}")
    return "\n".join(lines)


def by_region(results: Sequence[Matched]) -> list[str]:
    """A line more for point marks: the same with a mark anywhere inside an outline as a hit, one to one."""
    if not results or results[0].field.mask_path is not None:
        return []
    scores = pool([match(r.field, r.nuclei, r.radius, regions=True) for r in results])
    marked = f", of abnormal cells {_ratio(*scores.abnormal):.3f}" if scores.abnormal else ""
    counts = f"precision {scores.precision:.3f}, recall {scores.recall:.3f}{marked}, F {scores.f:.3f}"
    return [f"with a mark inside an outline as a hit too: {counts}"]
