"""ONNX files: onnxruntime computes what torch computes, and the documented lines sample with it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from ddpm.commands.export.export import export
from ddpm.commands.export.onnx_file import exportable, onnx_bytes
from ddpm.config import SamplingConfig
from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.base import DiffusionModel, as_diffusion
from ddpm.models.ddpm import Ddpm
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images

DOCUMENT = Path(__file__).parents[3] / "docs" / "models-in-and-out.md"
MakeDdpm = Callable[..., Ddpm]


def run(file_bytes: bytes, **inputs: Any) -> np.ndarray:
    session = onnxruntime.InferenceSession(file_bytes)
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    return np.asarray(session.run(None, arrays)[0])


def float32_model(target: str) -> DiffusionModel:
    """Bundled weights that compute in float32, as ONNX files do."""
    model = as_diffusion(open_model(target, "cpu").model)
    assert model is not None
    model.precision = "fp32"
    return model


@pytest.mark.parametrize("objective", ["noise", "x0", "v", "edm"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_batch_gives_what_torch_gives(small_ddpm: MakeDdpm, objective: str, count: int) -> None:
    model = small_ddpm(f"diffusion.objective={objective}", awake=True)
    x = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(count))
    t = torch.arange(count, dtype=torch.int32) * 3
    unclipped = SamplingConfig(clip="none")
    expected = model.denoiser(None, unclipped)(x, t.to(torch.int64)).x0.detach()
    found = run(onnx_bytes(model), x=x, t=t)
    assert np.allclose(found, expected, atol=1e-4 * max(1.0, float(expected.abs().max())))


def test_half_the_bytes_and_nearly_the_same_values(small_ddpm: MakeDdpm) -> None:
    model = small_ddpm("network.channels=16", awake=True)
    whole, half = onnx_bytes(model), onnx_bytes(model, half=True)
    assert len(half) < 0.62 * len(whole)
    x, t = torch.ones(1, 1, 8, 8), torch.tensor([5], dtype=torch.int32)
    assert np.allclose(run(whole, x=x, t=t), run(half, x=x, t=t), atol=2e-2)


def test_the_file_draws_the_images_of_the_weights(digits_onnx: Path) -> None:
    exported, model = open_model(str(digits_onnx), "cpu").model, float32_model("bundled:digits")
    assert exported.spec == model.spec
    for sampler in ("unipc", "dpm++2m-sde"):  # also samplers that add noise
        settings = SamplingConfig(sampler=sampler, steps=6, guidance=2.0)
        labels = choose_labels(model, range(5), None)
        drawn = sample_images(exported, range(5), labels, settings).astype(int)
        expected = sample_images(model, range(5), labels, settings)
        assert np.abs(drawn - expected).max() <= 1


def test_the_lines_in_the_documentation_sample(digits_onnx: Path, workplace: Path) -> None:
    for suffix in (".onnx", ".json"):
        shutil.copy(digits_onnx.with_suffix(suffix), workplace / f"digits{suffix}")
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    code = next(block for block in blocks if "onnxruntime.InferenceSession" in block)
    assert len(code.strip().splitlines()) <= 20
    found: dict[str, Any] = {}
    exec(code, found)
    model = float32_model("bundled:digits")
    settings = SamplingConfig(sampler="unipc", steps=15, spacing="compact", guidance=1.0)
    noise = torch.from_numpy(found["noise"])
    labels = found["labels"].tolist()
    levels = model.levels(settings)
    start = float(levels.sigma[0]) * noise
    *_, last = model.frames(levels, start, lambda: noise, labels, settings)
    assert np.allclose(found["x"], last.x, atol=1e-3)
    with Image.open("digits.png") as picture:
        assert picture.size == (5 * 8, 5 * 8)


def test_an_onnx_file_is_no_run(
    digits_onnx: Path, make_run: Callable[..., Path], small_ddpm: MakeDdpm
) -> None:
    with pytest.raises(RequestError, match="is an export already"):
        export(str(digits_onnx), "torch")
    model = open_model(str(digits_onnx), "cpu").model
    with pytest.raises(RequestError, match="not trained"):
        model.training_step(torch.zeros(1, 1, 8, 8), None, 1)
    told = small_ddpm("network.self_conditioning=true")
    with pytest.raises(RequestError, match="is self-conditioned"):
        exportable(OpenedModel(told, "told", "the run told", None), "onnx")
    gan = make_run("gan", (1, 28, 28), model="dcgan")
    with pytest.raises(RequestError, match="is a DCGAN, so --to onnx cannot write it"):
        export(str(gan), "onnx")
