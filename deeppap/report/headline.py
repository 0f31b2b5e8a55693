"""The head of a report: the four figures that answer first, a verdict in one sentence, and its first caveat."""

from dataclasses import dataclass

from deeppap.io.html import capital
from deeppap.report.notes import kept_of_nets, where
from deeppap.report.runs import Run
from deeppap.report.table import metric_text
from deeppap.stats.evidence_of_learning import CHANCE
from deeppap.stats.intervals import TOO_FEW, Interval
from deeppap.stats.metrics import percent
from deeppap.training.snapshots import kept

SHOWN = {"auc": "AUC", "sens": "Sensitivity", "spec": "Specificity", "acc": "Accuracy"}


@dataclass(frozen=True)
class Headline:
    """What stands at the top of a page for one run."""

    label: str
    figures: list[tuple[str, str, str]]  # name, value, and 95 % interval or why there is none
    verdict: str
    caveat: str


def headline(run: Run) -> Headline:
    """The head of one run."""
    if not run.folds:
        return Headline(run.label, [], "No fold is scored yet.", "")
    metrics = run.summary["pooled"]
    figures = [("Cells", f"{len(run.labels):,}", f"{int(run.labels.sum()):,} abnormal")]
    for metric, name in SHOWN.items():
        unit = " %" if metric != "auc" and metrics[metric] is not None else ""
        figures.append((name, metric_text(metric, metrics[metric]) + unit, _text(metric, run.limits[metric])))
    return Headline(run.label, figures, _verdict(run, metrics["auc"], run.limits["auc"]), _caveat(run))


def gain_verdict(adapted: Run, found: tuple[float, Interval] | None) -> str:
    """The verdict on an adapted run, and whether its cells show that adapting gained; `found` is the gain in AUC."""
    verdict = headline(adapted).verdict
    if found is None or found[1] == TOO_FEW:
        return f"{verdict} These cells cannot tell whether adapting gained either: label cells of more images."
    value, limits = found
    between = f"AUC {value:+.3f}" + (f", 95 % {limits[0]:+.3f} to {limits[1]:+.3f}" if limits else "")
    if limits and limits[0] > 0:
        return f"{verdict} Adapting gained on these cells: {between}."
    if limits and limits[1] < 0:
        return f"{verdict} Adapting lost on these cells: {between}. Use the net as it was."
    return f"{verdict} These cells do not show that adapting gained: {between}."


def _text(metric: str, limits: Interval) -> str:
    if limits is None or limits == TOO_FEW:
        return limits or "no interval"
    return f"95 %: {' to '.join(metric_text(metric, limit) for limit in limits)}"


def _verdict(run: Run, auc: float | None, limits: Interval) -> str:
    """One sentence: what the figures are evidence of."""
    doubt = next((fold.doubt for fold in run.folds if fold.doubt), None)
    if run.record.dataset.phantom:
        return "The cells are synthetic: these figures only show that the programs run."
    if run.record.control:
        return "A control run: its net was trained on wrong labels on purpose."
    if doubt:
        return f"{capital(doubt)}."
    if auc is None:
        return "All cells have the same label, so the net cannot be judged."
    if limits is None or limits == TOO_FEW:
        return "There are too few cells, or too few groups of cells, to say how good the net is."
    if limits[0] <= CHANCE:
        return "The net does not separate normal from abnormal cells better than chance."
    # the area under the curve in words
    return f"An abnormal cell drawn at random has a higher score than a normal one in {percent(auc)} % of cases."


def _caveat(run: Run) -> str:
    """The note that changes most what the figures mean: how the cells were split, or where the nets come from."""
    external = run.record.external
    if external and external.out_of_distribution:
        share = f"{external.out_of_distribution:,} of {len(run.labels):,} cells"
        return f"Caution: {share} are out of distribution, unlike the cells that the net was trained on."
    if external and any(net.share == 0 for net in external.nets):
        return f"Caution: {kept_of_nets(external)[0]}."
    if same := [fold for fold in run.folds if fold.not_adapted]:
        return f"Caution: {where(run.result, same)}{kept(0)}."
    return f"{capital(run.notes[-1])}."
