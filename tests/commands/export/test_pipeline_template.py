"""The pipeline beside exported weights draws the images of the model, whatever its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline

from ddpm.commands.export.pipeline_template import clip_dynamic
from ddpm.diffusion import guidance
from ddpm.loading.models import OpenedModel
from tests.commands.export.exported_folders import difference, small_model, write
from tests.commands.export.exported_students import small_student


@pytest.mark.parametrize(
    ("overrides", "made", "options"),
    [
        (
            ("diffusion.objective=edm", "network.patch=2", "network.attention=2"),
            {"classes": 3},
            {"labels": [0, 1, 2], "guidance_scale": 2.0},
        ),
        (("diffusion.objective=velocity", "diffusion.schedule=flow"), {"shape": (3, 7, 9)}, {}),
        (("diffusion.objective=edm", "diffusion.schedule=edm", "diffusion.num_steps=200"), {}, {}),
        (
            ("diffusion.objective=v", "diffusion.learned_variance=true", "sampling.clip=dynamic"),
            {},
            {},
        ),
        (
            ("network.self_conditioning=true", "network.patch=2", "diffusion.objective=edm"),
            {"classes": 2},
            {"labels": [0, 1, 1], "guidance_scale": 2.0},
        ),
    ],
)
def test_it_draws_what_ddpm_draws(
    overrides: tuple[str, ...], made: dict[str, Any], options: dict[str, Any], workplace: Path
) -> None:
    opened = small_model(*overrides, **made)
    folder = write(opened, workplace / "folder")
    assert difference(opened, folder, 8, code=True, **options) < 1e-5


@pytest.mark.parametrize(
    ("opened", "labels"),
    [
        (small_student("network.patch=2", "diffusion.objective=v", classes=3), [0, 2, 1]),
        (small_student("network.self_conditioning=true", target="image"), None),
    ],
    ids=["jumps", "images"],
)
def test_a_student_draws_by_its_own_steps(
    opened: OpenedModel, labels: list[int] | None, workplace: Path, capsys: Any
) -> None:
    folder = write(opened, workplace / "folder")
    assert "a few-step student samples by its own steps" in capsys.readouterr().err
    assert "Image i is that of `ddpm sample --seed i`." in (folder / "README.md").read_text("utf-8")
    pipeline = DiffusionPipeline.from_pretrained(
        folder, low_cpu_mem_usage=False, trust_remote_code=True
    )
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    drawn = pipeline(
        batch_size=3, generator=generators, labels=labels, output_type="np", guidance_scale=5.0
    ).images  # fmt: skip
    *_, last = opened.model.trajectory(range(3), labels, opened.model.spec.config.sampling)
    images = ((last.x + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert images.std() > 0.02 and float(abs(images - drawn).max()) < 1e-5


def test_dynamic_clipping_is_ours() -> None:
    x = 3 * torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(clip_dynamic(x), guidance.clip_dynamic(x))
