"""The denoiser as one module: it predicts what the model predicts, guided or not."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ddpm.commands.export.denoiser_graph import DenoiserGraph
from ddpm.config import SamplingConfig
from ddpm.models.ddpm import Ddpm

MakeDdpm = Callable[..., Ddpm]


@torch.no_grad()
def test_guidance_inside_is_the_models_own(small_ddpm: MakeDdpm) -> None:
    model = small_ddpm("diffusion.learned_variance=true", awake=True, classes=3)
    x = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    t, labels = torch.full((3,), 7, dtype=torch.int32), torch.tensor([0, 1, 2], dtype=torch.int32)
    graph = DenoiserGraph(model, ("x", "t", "labels", "guidance"))
    found = graph(x, t, labels, torch.tensor(2.5))
    settings = SamplingConfig(clip="none", guidance=2.5)
    expected = model.denoiser([0, 1, 2], settings)(x, t.to(torch.int64)).x0
    assert torch.allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_the_last_label_means_no_label(small_ddpm: MakeDdpm) -> None:
    model = small_ddpm(awake=True, classes=3)
    x, t = torch.ones(2, 1, 8, 8), torch.tensor([3, 9], dtype=torch.int32)
    graph = DenoiserGraph(model, ("x", "t", "labels"))
    found = graph(x, t, torch.full((2,), 3, dtype=torch.int32))
    expected = model.denoiser(None, SamplingConfig(clip="none"))(x, t.to(torch.int64)).x0
    assert torch.allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_an_estimate_is_seen_with_and_without_labels(small_ddpm: MakeDdpm) -> None:
    model = small_ddpm("network.self_conditioning=true", awake=True, classes=2)
    x, estimate = torch.randn(2, 2, 1, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    t, labels = torch.full((2,), 7, dtype=torch.int32), torch.tensor([0, 1], dtype=torch.int32)
    graph = DenoiserGraph(model, ("x", "t", "labels", "estimate", "guidance"))
    found = graph(x, t, labels, estimate, torch.tensor(2.0))
    network, joined = model.averaged.network, torch.cat([x, estimate], 1)
    both = [network(joined, t.long(), own) for own in (labels.long(), torch.full((2,), 2))]
    output = both[1] + 2.0 * (both[0] - both[1])
    expected = model.objective.to_x0(output, x, *model.schedule.at(t.long(), x))
    assert torch.allclose(found, expected, atol=1e-4)
