"""A U-Net as UNet2DModel: the same function, weight for weight."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DModel

from ddpm.commands.export.unet2d import group_counts, head_sizes, unet2d_settings, unet2d_weights
from ddpm.networks.unet import UNet


@pytest.mark.parametrize(
    ("channels", "multipliers", "blocks", "attention"),
    [(8, (1, 2), 1, (4,)), (16, (1, 1, 2), 2, (8,)), (8, (1,), 1, ()), (64, (1, 2), 1, (8, 4))],
)
def test_it_is_the_same_function(
    channels: int, multipliers: tuple[int, ...], blocks: int, attention: tuple[int, ...]
) -> None:
    network = UNet(
        3, 3, (8, 8), channels=channels, multipliers=multipliers, blocks=blocks, attention=attention,
        groups=4, sinusoids=channels,
    ).eval()  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    assert group_counts(network) == {4} and len(head_sizes(network)) <= 1
    settings = unet2d_settings(network, (3, 8, 8), 1000, stock=True)
    other = UNet2DModel(**{k: v for k, v in settings.items() if k[0] != "_"}).eval()
    other.load_state_dict(unet2d_weights(network, 3, 1000, stock=True))
    x, t = torch.randn(2, 3, 8, 8, generator=generator), torch.tensor([0, 999])
    with torch.no_grad():
        expected = network(x, t)
        assert torch.allclose(other(x, t).sample, expected, atol=1e-5)
    assert expected.std() > 1e-3
