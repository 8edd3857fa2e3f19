"""Operations of a network, and their share of the card's peak."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from ddpm.api import build_model
from ddpm.commands.plan import flops
from ddpm.config import with_overrides
from ddpm.data.pixels import to_model
from ddpm.presets import get_preset


def test_utilization_is_the_operations_of_the_steps_over_the_peak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    config = with_overrides(get_preset("digits").config, ["training.precision=bf16"])
    model = build_model(config, images, device="cpu")
    assert flops.utilization(model, images, 100.0) is None  # no graphics card
    each = flops.flops_per_image(model.network, torch.zeros(2, 1, 8, 8), "bf16")
    assert all(parameter.grad is None for parameter in model.network.parameters())
    model.device = SimpleNamespace(type="cuda")
    monkeypatch.setattr(flops, "peak_flops", lambda device: 1000 * each)
    monkeypatch.setattr(flops, "to_model", lambda images: Placed(to_model(images)))
    assert flops.utilization(model, images, 100.0) == pytest.approx(0.1)
    model.precision = "fp32"
    assert flops.utilization(model, images, 100.0) is None


class Placed:
    """Images that are on whatever device they are sent to."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def to(self, device: object) -> torch.Tensor:
        return self.images


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_operations_of_a_convolution_there_and_back(precision: str) -> None:
    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return self.layer(x)

    once = 2 * 5 * 6 * 3 * 4 * 9  # a product and a sum for each weight and place
    for count in (1, 3):  # and the weights' gradient: nobody asks for the image's
        assert flops.flops_per_image(Network(), torch.zeros(count, 3, 5, 6), precision) == 2 * once
