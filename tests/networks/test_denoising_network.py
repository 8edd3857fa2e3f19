"""The interface of a denoising network: what a subclass gets without writing it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ddpm.networks.denoising_network import DenoisingNetwork


class Smallest(DenoisingNetwork):
    """One convolution, and a part for augmentation labels if `told`."""

    def __init__(self, told: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
        if told:
            self.transform = nn.Linear(9, 1, bias=False)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Tensor:
        out: Tensor = self.conv(x)
        if augment_labels is not None:
            out = out + self.transform(augment_labels)[:, :, None, None]
        return out


def test_weights_without_an_optional_part_load_with_zeros_in_it() -> None:
    plain, told = Smallest(False), Smallest(True)
    told.load_state_dict(plain.state_dict())
    assert not told.transform.weight.any() and torch.equal(told.conv.weight, plain.conv.weight)
    x, t = torch.randn(2, 1, 4, 4), torch.zeros(2)
    assert torch.equal(told(x, t, None, torch.ones(2, 9)), plain(x, t))


def test_an_optional_part_that_the_network_lacks_is_ignored_and_any_other_is_not() -> None:
    plain, told = Smallest(False), Smallest(True)
    plain.load_state_dict(told.state_dict())
    assert torch.equal(plain.conv.weight, told.conv.weight)
    with pytest.raises(RuntimeError, match=r"conv2\.weight"):
        plain.load_state_dict({**told.state_dict(), "conv2.weight": torch.zeros(1)})
    with pytest.raises(RuntimeError, match=r"conv\.bias"):
        plain.load_state_dict({"conv.weight": told.conv.weight})


def test_a_network_without_stages_is_sharded_whole_and_outlined_anyway() -> None:
    network = Smallest(False)
    assert list(network.stages()) == []
    rows = network.outline((1, 4, 6), torch.device("cpu"))
    assert [row["kind"] for row in rows] == ["input", "conv", "output"]


def test_weights_without_a_constraint_stay_as_they_are() -> None:
    network = Smallest(False)
    before = network.conv.weight.detach().clone()
    network.normalize_weights()
    assert torch.equal(network.conv.weight, before)
