"""Public functions: every example in their docstrings runs, on tiny runs made once."""

from __future__ import annotations

import doctest
import inspect
import shutil
from pathlib import Path

import pytest
import torch

import ddpm
from ddpm.errors import RequestError

FUNCTIONS = (
    "train", "distill", "plan", "doctor", "sample", "forward", "interpolate", "inpaint", "refine", "evaluate",
    "compare", "sampler_lab", "ema", "report", "bundle", "grade", "export", "open_model", "open_dataset",
    "list_runs", "build_model", "fit",
)  # fmt: skip
TINY = (
    "network.channels=8",
    "network.attention=[]",
    "training.batch_size=8",
    "training.steps=8",
    "training.posthoc_ema=4",
    "training.checkpoint_every=4",
    "training.preview_every=1000",
    "training.memorization_every=0",
    "sampling.steps=2",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, make_run: object, cache: Path) -> Path:
    """A folder with runs/digits (trained), runs/other, runs/mnist, runs/anime and a PDF."""
    folder = tmp_path_factory.mktemp("library")
    config = ddpm.with_overrides(ddpm.get_preset("digits").config, TINY)
    ddpm.train(config, folder / "runs" / "digits", device="cpu")
    shutil.copytree(folder / "runs" / "digits", folder / "runs" / "other")
    for name, shape in (("mnist", (1, 28, 28)), ("anime", (3, 64, 64))):
        shutil.copytree(make_run(name, shape), folder / "runs" / name)  # type: ignore[operator]
    (folder / "hand-ins" / "ada").mkdir(parents=True)
    (folder / "hand-ins" / "ada" / "readme.txt").write_text("mine")
    (folder / "mine.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n")
    return folder


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_runs(name: str, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    names = {"ddpm": ddpm, "torch": torch, "Path": Path}
    text = inspect.getdoc(getattr(ddpm, name)) or ""
    examples = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    assert examples.examples, f"{name} has no example"
    found: list[str] = []
    failed, _ = doctest.DocTestRunner().run(examples, out=found.append)
    assert failed == 0, "".join(found)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_says_what_comes_back_and_what_is_refused(name: str) -> None:
    text = inspect.getdoc(getattr(ddpm, name)) or ""
    assert text[0].isupper() and "\n\n" in text
    assert name == "list_runs" or "Error" in text


def test_images_of_another_shape_are_refused() -> None:
    model = ddpm.open_model("digits", "cpu").model
    image = torch.zeros(1, 9, 9, dtype=torch.uint8)
    with pytest.raises(RequestError, match=r"The image has shape \[1, 9, 9\]; pass \[1, 8, 8\]"):
        ddpm.refine(model, image)
    with pytest.raises(RequestError, match=r"The mask has shape"):
        ddpm.inpaint(model, image[:, :8, :8], image[0])
    with pytest.raises(RequestError, match="from 0 to 1"):
        ddpm.refine(model, image[:, :8, :8], strength=2)
