"""All tables of one or several runs, in the report's order."""

from collections.abc import Iterator, Sequence

from deeppap.report.runs import Run
from deeppap.report.table import Table
from deeppap.report.tables import classes, comparison, performance, scores

# how good the net is comes first, then where it is wrong, then what that is worth
BUILDERS = (
    performance.table3,
    performance.table5,
    classes.called,
    classes.table4,
    classes.own_classes,
    classes.seven_classes,
    classes.each_class,
    classes.confusion_tables,
    comparison.by_set,
    comparison.adapting,
    comparison.comparison,
    comparison.baselines,
    comparison.against_baselines,
    scores.operating_points,
    scores.thresholds_for_use,
    scores.calibration,
    scores.views,
    scores.angles,
    scores.speed,
)


def all_tables(runs: Sequence[Run]) -> Iterator[Table]:
    """Every table that these runs can fill, each made when it is asked for: intervals take their time."""
    for build in BUILDERS:
        found = build(runs)
        if isinstance(found, Table):
            yield found
        else:
            yield from found or ()
