"""The pipeline beside exported weights draws the images of the model, whatever its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ddpm.commands.export.pipeline_template import clip_dynamic
from ddpm.diffusion import guidance
from tests.commands.export.exported_folders import difference, small_model, write


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
    ],
)
def test_it_draws_what_ddpm_draws(
    overrides: tuple[str, ...], made: dict[str, Any], options: dict[str, Any], workplace: Path
) -> None:
    opened = small_model(*overrides, **made)
    folder = write(opened, workplace / "folder")
    assert difference(opened, folder, 8, code=True, **options) < 1e-5


def test_dynamic_clipping_is_ours() -> None:
    x = 3 * torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(clip_dynamic(x), guidance.clip_dynamic(x))
