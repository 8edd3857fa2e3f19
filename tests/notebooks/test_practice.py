"""The practice notebook: executed from top to bottom, offline and tiny; clean in the repository."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

import ddpm
from ddpm.commands.bundle.package_files import NOTEBOOK
from ddpm.presets import PRESETS

PATH = Path(__file__).parents[2] / "notebooks" / NOTEBOOK


def cells(kind: str) -> list[str]:
    return [cell.source for cell in nbformat.read(PATH, 4).cells if cell.cell_type == kind]


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def said(notebook: Any) -> str:
    return "".join(output.get("text", "") for output in outputs(notebook))


def pictures(notebook: Any, kind: str) -> list[Image.Image]:
    found = (output.get("data", {}).get(f"image/{kind}") for output in outputs(notebook))
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found if content]


def digits_28(folder: Path) -> None:
    """60 little pictures in two classes: an MNIST that is at hand."""
    rng = np.random.default_rng(0)
    for label in ("0", "1"):
        (folder / label).mkdir(parents=True)
        for i in range(30):
            pixels = np.zeros((28, 28), np.uint8)
            top, left = rng.integers(4, 16, 2)
            pixels[top : top + 8, left : left + (8 if label == "0" else 2)] = 255
            Image.fromarray(pixels).save(folder / label / f"{i}.png")


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    digits_28(tmp_path / "data" / "mnist")
    for name, value in {
        "DDPM_QUICK": "1",
        "DDPM_DATA_DIR": tmp_path / "data",
        "DDPM_CACHE_DIR": tmp_path / "cache",
        "IPYTHONDIR": tmp_path / "ipython",
        "JUPYTER_RUNTIME_DIR": tmp_path / "jupyter",
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nobody answers there: what it needs is at hand
    }.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "here").mkdir()
    notebook = nbformat.read(PATH, 4)
    resources = {"metadata": {"path": str(tmp_path / "here")}}
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources).execute()
    return notebook


def test_the_notebook_runs_from_top_to_bottom(executed: Any, tmp_path: Path) -> None:
    here, text = tmp_path / "here", said(executed)
    assert "Not at hand: anime" in text and "digits inside the package stand in" in text
    assert "Not at hand: mnist" not in text
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
    animations = pictures(executed, "gif")
    assert len(animations) == 2 and all(one.n_frames > 3 for one in animations)  # type: ignore[attr-defined]
    shown = pictures(executed, "png")
    assert len(shown) >= 14
    assert all(np.asarray(one.convert("L")).std() > 1 for one in shown)  # none is blank
    assert sorted(path.name for path in (here / "runs").iterdir()) == [
        "anime", "comparison", "dcgan-mnist", "mnist", "samplers.png",
    ]  # fmt: skip
    assert text.count("reproduces: mean absolute error") == 2
    assert re.search(r"^(wrong|not verifiable)", text, re.MULTILINE) is None
    with zipfile.ZipFile(here / "0712345_hw2_2.zip") as archive:
        assert archive.read(f"source/{NOTEBOOK}") == PATH.read_bytes()
        assert {name.split("/")[2] for name in archive.namelist() if "source/runs/" in name} == {
            "mnist", "anime", "dcgan-mnist",
        }  # fmt: skip


def test_the_repository_holds_it_without_outputs() -> None:
    notebook = nbformat.read(PATH, 4)
    nbformat.validate(notebook)
    assert list(outputs(notebook)) == []
    assert not [cell for cell in notebook.cells if cell.get("execution_count")]


def test_every_library_name_in_it_is_public() -> None:
    names = set(re.findall(r"(?<!from )\bddpm\.(\w+)", "\n".join(cells("code"))))
    assert len(names) > 20
    assert names <= set(ddpm.__all__)


def test_what_it_says_of_the_presets_is_so() -> None:
    [text] = [cell for cell in cells("markdown") if "Its preset also" in cell]
    assert "as the one for faces does" in text and "Karras et al. 2022" in text
    assert {PRESETS[name].config.diffusion.objective for name in ("mnist", "anime")} == {"edm"}


def test_both_algorithms_stand_there_line_by_line() -> None:
    for lines in (range(2, 6), range(1, 5)):
        by_hand = [
            cell for cell in cells("code") if all(f"# line {line}" in cell for line in lines)
        ]
        assert by_hand, lines
    text = "\n".join(cells("markdown"))
    for formula in (r"\sqrt{\bar\alpha_t}\, x_0", r"\epsilon_\theta", r"\min_G \max_D"):
        assert formula in text


@pytest.mark.parametrize("importable", [True, False])
def test_the_first_cell_installs_ddpm_where_it_is_missing(
    importable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(util, "find_spec", lambda name: object() if importable else None)
    monkeypatch.setattr(subprocess, "run", lambda command, **rest: calls.append(command))
    scope: dict[str, Any] = {}
    exec(compile(cells("code")[0], "first cell", "exec"), scope)
    wanted = [sys.executable, "-m", "pip", "install", "--quiet", scope["SOURCE"], "typst"]
    assert calls == ([] if importable else [wanted])
