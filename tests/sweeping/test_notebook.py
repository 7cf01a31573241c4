"""The notebook of the documents, executed by a real kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import install
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def test_every_cell_runs_and_shows_its_tables_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(prefix=str(tmp_path / "jupyter"))  # this Python, whatever kernels the machine has
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place)
    client.create_kernel_manager()
    assert client.km is not None
    kernels = str(tmp_path / "jupyter/share/jupyter/kernels")
    client.km.kernel_spec_manager = KernelSpecManager(kernel_dirs=[kernels])
    client.execute()
    shown = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
    kinds = [kind for output in shown for kind in output.get("data", {})]
    assert kinds.count("image/png") == 2
    assert kinds.count("text/html") >= 2
    assert [output for output in shown if output.output_type == "error"] == []
    assert len(list((tmp_path / "notebook-results" / "models").glob("*.pt"))) == 3
