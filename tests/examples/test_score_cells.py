"""The notebook runs from top to bottom in a folder that is not the checkout, in the project's Python."""

import pytest

from tests.support.checkout import ROOT

nbformat = pytest.importorskip("nbformat", reason="requirements-dev.txt")
nbclient = pytest.importorskip("nbclient", reason="requirements-dev.txt")


@pytest.mark.slow
def test_the_notebook_scores_cells_in_any_folder(tmp_path, trained_fold, monkeypatch):
    # read by the notebook's first code cell; the kernel inherits our environment
    monkeypatch.setenv("NET", str(trained_fold))
    notebook = nbformat.read(ROOT / "examples/score_cells.ipynb", as_version=4)
    # the kernel `python3` is the Python that runs nbclient
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    table = next(output for output in outputs if "out_of_distribution" in output.get("data", {}).get("text/plain", ""))
    assert table["data"]["text/plain"].count("\n") == 6  # a header and six cells
    assert any("image/png" in output.get("data", {}) for output in outputs)
