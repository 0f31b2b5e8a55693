"""Records of nets that another one was adapted from."""

from deeppap.records import SourceDataset, SourceRecord
from tests.support.synthetic_run import recipe


def source_record(**changes) -> SourceRecord:
    """A net of another run, trained from CaffeNet."""
    facts = {
        "run": "herlev-cell-paper",
        "fold": 3,
        "dataset": SourceDataset(name="herlev", cells=917, dataset_sha="a" * 64),
        "fold_sha": "c" * 64,
        "weights_sha": "b" * 64,
        "control": None,
        "recipe": recipe(),
    }
    return SourceRecord(**(facts | changes))
