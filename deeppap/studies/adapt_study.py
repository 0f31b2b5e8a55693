"""What adapting buys: the source net as it is, one from CaffeNet alone, and the adapted one, on the same test cells."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deeppap.records import Request
from deeppap.records.run_folder import RUNS
from deeppap.studies.cross_validate import CrossValidateOptions, cross_validate
from deeppap.studies.source_as_it_is import score_source
from deeppap.training.source import SourceNet

REPORT = "adapting"  # in the adapted run's folder


def adapt_study(
    request: Request,
    options: CrossValidateOptions,
    weights: Path | None,
    source: SourceNet,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Do what is missing of all three and return their run folders: before, from `weights` alone, adapted.

    `weights` None is Gaussian initial values. The adapted folds come first: they refuse a source that knows a cell
    before anything long has begun. A second call goes on where the first stopped.
    """

    def name(kind: str) -> str | None:
        return f"{options.name}-{kind}" if options.name else None

    say("== adapted ==")
    adapted = cross_validate(request, replace(options, source=source, weights=None, name=name("adapted")), say)
    say("== the source net as it is ==")
    before = name("before") or adapted.name.replace("-from-", "-before-", 1)
    folds = _scored(adapted) if options.folds is None else options.folds
    earlier = score_source(adapted, source, folds, options.device, RUNS / before, say)
    say("== from CaffeNet alone ==" if weights else "== from Gaussian values ==")
    alone = cross_validate(request, replace(options, source=None, weights=weights, name=name("alone")), say)
    return [earlier, alone, adapted]


def _scored(run: Path) -> list[int]:
    return sorted(int(path.parent.name.removeprefix("fold")) for path in run.glob("fold*/scores.csv"))
