"""What to do after a report whose nets should not be handed on."""

import shlex

from deeppap.scoring.results import RunResult
from deeppap.stats.evidence_of_learning import CHANCE, OVER_CONFIDENT, auc_limits

MANY = 0.1  # share of cells out of distribution at which adapting comes before all else
MORE_CELLS = "label cells of more images, or train longer (docs/how-to/own-cells.md, section 4)"


def instead_of_release(run: RunResult) -> str | None:
    """What to do instead of handing a run's nets on, and why; None if its report gives no reason."""
    if begun := next((fold for fold in run.folds if fold.begun), None):
        do = f"tools/train.py --net {shlex.quote(str(begun.folder))}, with the options that it began with"
        return f"{do}, since its training has not ended; then tools/evaluate.py, and this report again"
    if run.record.control:
        return f"tools/compare.py {shlex.quote(str(run.folder))} OTHER_RUN; nets of a control run are wrong on purpose"
    if run.record.dataset.phantom:
        return "tools/train.py --data MY_CELLS; the cells of this run are synthetic"
    if not run.folds:
        return "tools/cross_validate.py with the options of this run; no fold is scored yet"
    if run.record.external:
        return _adapt(run)
    if all(fold.not_adapted for fold in run.folds):
        return "label more cells in the gallery that tools/screen.py wrote, and adapt again; nothing was adapted here"
    if is_in_doubt(run):
        return f"{MORE_CELLS}; a net of this run is in doubt"
    if reason := _weak(run):
        return f"{MORE_CELLS}; {reason}"
    if doubted := next((fold for fold in run.folds if fold.doubt), None):
        net = shlex.quote(str(doubted.folder))
        return f"tools/validate.py OTHER_CELLS --net {net}; this net is over-confident, so 0.5 may be a poor threshold"
    return None


def is_in_doubt(run: RunResult) -> bool:
    """Whether there is no evidence that a net of a run has learned, so that its scores should not be used."""
    return any(fold.doubt and not fold.doubt.startswith(OVER_CONFIDENT) for fold in run.folds)


def _adapt(run: RunResult) -> str | None:
    """What to do if nets are not good at cells from elsewhere, which are labelled: they can be adapted to these."""
    external, cells = run.record.external, len(run.pooled("labels"))
    marked = external.out_of_distribution or 0
    reason = f"{marked:,} of {cells:,} cells are out of distribution" if marked > MANY * cells else _weak(run)
    if reason is None:
        return None
    paths = ["OTHER_CELLS"] if external.left_out else run.record.dataset.paths  # a net adapts to no image that it knows
    data = " ".join(f"--data {shlex.quote(path)}" for path in paths)
    return f"tools/train.py --from {shlex.quote(external.nets[0].folder)} {data}, to adapt the net; {reason}"


def _weak(run: RunResult) -> str | None:
    """Why the scores of all folds say little of the nets; None if they say enough."""
    limits = auc_limits(run.pooled("labels"), run.pooled("scores"), run.groups())
    if limits is None:
        return "there are too few test cells, or groups of them, to say how good the nets are"
    return None if limits[0] > CHANCE else "the AUC may be that of chance"
