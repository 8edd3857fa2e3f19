"""Small models with random weights, written as folders of diffusers and opened by diffusers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from ddpm.commands.export.diffusers_folder import write_diffusers
from ddpm.commands.export.export_request import ExportRequest
from ddpm.config import Config, with_overrides
from ddpm.diffusion.samplers import starting_noise
from ddpm.loading.models import OpenedModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.randomness import ImageNoise

STOCK = ("network.groups=4", "network.sinusoids=8")
SMALL = (
    "network.channels=8", "network.multipliers=1,2", "network.attention=4", "sampling.chunk=3",
    "sampling.steps=2", "training.precision=fp32",
)  # fmt: skip


def small_model(
    *overrides: str, classes: int = 0, shape: tuple[int, int, int] = (1, 8, 8)
) -> OpenedModel:
    """A model with random weights."""
    labels = f"data.labels={'true' if classes else 'false'}"
    config = with_overrides(Config(), [*SMALL, labels, *overrides])
    names = tuple(str(c) for c in range(classes))
    spec = ModelSpec(config, shape, (-0.2,) * shape[0], 0.6, names, (3,) * classes)
    model = Ddpm(spec)
    generator = torch.Generator().manual_seed(3)
    for parameter in model.learner.ema.network.parameters():
        parameter.data.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    return OpenedModel(model, "small", "the model small", None)


def write(opened: OpenedModel, folder: Path, **fields: Any) -> Path:
    return write_diffusers(opened, ExportRequest("small", "diffusers", **fields), folder)[0]


def difference(opened: OpenedModel, folder: Path, steps: int, **options: Any) -> float:
    """The largest difference, in [0, 1], of the images of three seeds here and in diffusers.

    `options`: arguments of both; `code`: open with trust_remote_code.
    """
    sampler, code = options.pop("sampler", "ddim"), options.pop("code", False)
    trust = {"trust_remote_code": True} if code else {}
    pipeline = DiffusionPipeline.from_pretrained(folder, low_cpu_mem_usage=False, **trust)
    assert code == (type(pipeline).__name__ == "DdpmStudioPipeline")
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    stock = {} if code or sampler != "ddim" else {"use_clipped_model_output": True}
    drawn = pipeline(
        batch_size=3, generator=generators, num_inference_steps=steps, output_type="np", **stock, **options
    ).images  # fmt: skip
    own = opened.model.spec.config.sampling
    guidance = options.get("guidance_scale", 1.0)
    settings = replace(own, sampler=sampler, steps=steps, spacing="trailing", guidance=guidance)
    model = opened.model
    assert isinstance(model, Ddpm)
    noise = ImageNoise(range(3), model.spec.image_shape)
    levels = model.levels(settings)
    # a stock pipeline starts from noise of deviation 1, not from that of the last level
    start = starting_noise(levels, noise) if code else noise()
    *_, last = model.frames(levels, start, noise, options.get("labels"), settings)
    images = ((last.x + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert images.std() > 0.02
    return float(abs(images - drawn).max())
