"""How many files a cell passes on its way through a tool: a bound, so that the way stays short."""

import cv2
import pytest

from tests.support.drawn_field import MPP, draw_field
from tests.support.trace_files import trace


@pytest.fixture
def place(copy_of, trained_fold):
    """A checkout with the trained fold as runs/phantom-cell-smallest/fold0, and a field."""
    folder, _ = copy_of(trained_fold, "train_lmdb", "val_lmdb")
    cv2.imwrite(str(folder / "field.png"), draw_field()[0])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "words", "most"),
    [
        ("evaluate", ["--views", 1, "--crops", 1], 44),
        ("screen", ["field.png", "--mpp", MPP, "--training-mpp", 0.2, "--views", 1, "--crops", 1, "--out", "out"], 69),
    ],
)
def test_a_tool_runs_through_few_files(place, tool, words, most):
    pytest.importorskip("pyarrow", reason="make slides")
    found = trace(tool, *words, "--net", "runs/phantom-cell-smallest/fold0", "--gpu", "none", place=place)
    # files whose constants alone are used are imported and not run through
    assert f"tools/{tool}.py" in found.ran <= found.imported
    assert len(found.ran) <= most, sorted(found.ran)
