"""ONNX files: onnxruntime computes what torch computes, and the documented lines sample with it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from ddpm.commands.export.export import export
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.onnx_file import input_names, onnx_bytes, write_onnx
from ddpm.config import SamplingConfig
from ddpm.diffusion.samplers import SamplerOptions
from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.base import DiffusionModel, GenerativeModel, as_diffusion
from ddpm.models.ddpm import Ddpm
from ddpm.models.few_step_sampling import jump_sampler, student_settings
from ddpm.models.student import Student
from ddpm.networks.kinds import NETWORKS
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from tests.commands.export.exported_students import self_conditioned, small_student

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


@pytest.mark.parametrize("kind", [name for name, row in NETWORKS.items() if not row.imported])
def test_every_kind_of_network_gives_what_torch_gives(small_ddpm: MakeDdpm, kind: str) -> None:
    shape = ("network.width=16", "network.depth=2", "network.patch=2", "network.attention=4")
    skips = ("network.long_skips=true", "network.positions=rotary")
    model = small_ddpm(f"network.kind={kind}", *shape, *skips, awake=True, classes=2)
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    t, labels = torch.tensor([0, 9, 19]), torch.tensor([0, 1, 1])
    expected = model.denoiser(labels.tolist(), SamplingConfig(clip="none"))(x, t).x0.detach()
    found = run(onnx_bytes(model), x=x, t=t.int(), labels=labels.int())
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


OTHERS: dict[str, Callable[[], OpenedModel]] = {
    "student": lambda: small_student("diffusion.objective=v", classes=3),
    "student of images": lambda: small_student(target="image"),
    "self-conditioned": lambda: self_conditioned("sampling.sampler=heun", classes=2),
    "self-conditioned without labels": lambda: self_conditioned("diffusion.objective=edm"),
    "student of a self-conditioned teacher": lambda: small_student(
        "network.self_conditioning=true"
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_students_and_self_conditioned_models(name: str, workplace: Path) -> None:
    opened = OTHERS[name]()
    write_onnx(opened, ExportRequest("small", "onnx"), workplace / "m.onnx")
    exported, model = open_model("m.onnx", "cpu").model, opened.model
    assert exported.spec == model.spec
    settings = SamplingConfig(sampler="heun", steps=4, guidance=2.0)
    labels = [0, 1, 1] if model.spec.num_classes else None
    drawn, expected = (
        sample_images(each, range(3), labels, settings) for each in (exported, model)
    )
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    assert expected.std() > 10
    found = documented_lines("m.onnx", workplace)
    assert np.allclose(found["x"], drawn_by_torch(model, found), atol=2e-3)


def drawn_by_torch(model: GenerativeModel, lines: dict[str, Any]) -> Any:
    """The last state from the noise and the labels of the documented lines."""
    noises = iter(torch.from_numpy(np.float32(each)) for each in redrawn_noise(lines))
    labels = lines["labels"].tolist() if model.spec.num_classes else None
    if isinstance(model, Student):
        denoise = model.ddpm.denoiser(labels, student_settings(SamplingConfig()))
        x = float(model.jumps.sigma[0]) * next(noises)
        steps = jump_sampler(model.spec)(
            denoise, model.jumps, x, lambda: next(noises), SamplerOptions()
        )
    else:
        assert isinstance(model, Ddpm)
        own = replace(model.spec.config.sampling, guidance=1.0)
        own = replace(own, sampler=lines["about"]["sampler"])
        levels = model.levels(own)
        x = float(levels.sigma[0]) * next(noises)
        steps = model.frames(levels, x, lambda: next(noises), labels, own)
    with torch.no_grad():
        *_, last = steps
    return last.x


def redrawn_noise(lines: dict[str, Any]) -> Iterator[Any]:
    """The numbers that the lines drew, again."""
    generator = np.random.default_rng(0)
    while True:
        yield generator.standard_normal(lines["x"].shape)


def documented_lines(name: str, folder: Path) -> dict[str, Any]:
    """The variables after the lines of the documentation have run on a file."""
    for suffix in (".onnx", ".json"):
        source, copy = Path(name).with_suffix(suffix), folder / f"digits{suffix}"
        if source != copy:
            shutil.copy(source, copy)
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    code = next(block for block in blocks if "onnxruntime.InferenceSession" in block)
    assert len(code.strip().splitlines()) <= 20
    found: dict[str, Any] = {}
    exec(code, found)
    with Image.open("digits.png") as picture:
        assert picture.size == (5 * 8, 5 * 8)
    return found


def test_the_lines_in_the_documentation_sample(digits_onnx: Path, workplace: Path) -> None:
    found = documented_lines(str(digits_onnx), workplace)
    assert np.allclose(
        found["x"], drawn_by_torch(float32_model("bundled:digits"), found), atol=1e-3
    )


@pytest.mark.parametrize("name", ["student", "self-conditioned without labels"])
def test_guidance_in_the_graph_needs_labels_and_steps(name: str) -> None:
    model = OTHERS[name]().model
    inner = model.ddpm if isinstance(model, Student) else as_diffusion(model)
    assert inner is not None
    with pytest.raises(RequestError, match="Leave out --guidance in"):
        input_names(inner, True)


def test_an_onnx_file_is_no_run(digits_onnx: Path, make_run: Callable[..., Path]) -> None:
    with pytest.raises(RequestError, match="is an export already"):
        export(str(digits_onnx), "torch")
    model = open_model(str(digits_onnx), "cpu").model
    with pytest.raises(RequestError, match="not trained"):
        model.training_step(torch.zeros(1, 1, 8, 8), None, 1)
    gan = make_run("gan", (1, 28, 28), model="dcgan")
    with pytest.raises(RequestError, match="is a DCGAN, so --to onnx cannot write it"):
        export(str(gan), "onnx")
