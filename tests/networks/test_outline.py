"""The outline of a network is what its own forward pass shows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ddpm.networks.gan import Discriminator, Generator
from ddpm.networks.outline import outline
from ddpm.networks.unet import UNet


def unet(**settings: object) -> UNet:
    known: dict[str, object] = {
        "channels": 8,
        "multipliers": (1, 2),
        "blocks": 1,
        "attention": (7,),
    }
    return UNet(1, 1, (28, 28), **(known | settings))  # type: ignore[arg-type]


def passed(network: nn.Module, shape: tuple[int, ...]) -> list[dict[str, object]]:
    times = (torch.zeros(2, dtype=torch.int64),) if isinstance(network, UNet) else ()
    return outline(network, torch.zeros(2, *shape), *times)


def test_a_unet_goes_down_and_up_again_with_its_skips() -> None:
    rows = passed(unet(patch=2), (1, 28, 28))
    assert [(r["kind"], r["channels"], r["height"], r["joined"]) for r in rows] == [
        ("input", 1, 28, 0), ("conv", 8, 14, 0), ("block", 8, 14, 0), ("down", 8, 7, 0),
        ("block", 16, 7, 0), ("block", 16, 7, 0), ("block", 16, 7, 16), ("block", 16, 7, 8),
        ("up", 16, 14, 0), ("block", 8, 14, 8), ("block", 8, 14, 8), ("conv", 4, 14, 0),
        ("output", 1, 28, 0),
    ]  # fmt: skip
    assert [r["attention"] for r in rows] == [
        r["height"] == 7 and r["kind"] == "block" for r in rows
    ]


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_blocks_are_counted_as_the_network_has_them(blocks: int) -> None:
    rows = passed(unet(blocks=blocks, multipliers=(1, 2, 2)), (1, 28, 28))
    assert sum(r["kind"] == "block" for r in rows) == 3 * (2 * blocks + 1) + 1
    assert sum(r["joined"] > 0 for r in rows) == 3 * (blocks + 1)  # type: ignore[operator]


def test_odd_sizes_show_the_maps_inside() -> None:
    rows = passed(UNet(3, 3, (30, 45), channels=8, multipliers=(1, 2)), (3, 30, 45))
    assert {(r["height"], r["width"]) for r in rows} == {(30, 45), (30, 46), (15, 23)}


def test_a_generator_rises_and_a_discriminator_falls() -> None:
    rising = passed(Generator(3, (64, 64), latent=9, channels=4), (9,))
    assert [r["height"] for r in rising] == [1, 4, 8, 16, 32, 64, 64]
    assert [r["channels"] for r in rising] == [9, 32, 16, 8, 4, 3, 3]
    assert [r["kind"] for r in rising] == ["input", "conv", *["up"] * 4, "output"]
    falling = passed(Discriminator(1, (28, 28), channels=4), (1, 28, 28))
    assert [r["height"] for r in falling] == [28, 14, 7, 1, 1]
    assert [r["kind"] for r in falling] == ["input", "down", "down", "conv", "output"]


def test_the_network_is_left_as_it_was() -> None:
    network = unet().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    passed(network, (1, 28, 28))
    assert network.training
    assert all(torch.equal(before[n], v) for n, v in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    with pytest.raises(RuntimeError):
        outline(network, torch.zeros(2, 5, 28, 28), torch.zeros(2, dtype=torch.int64))
    assert not any(module._forward_hooks for module in network.modules())
