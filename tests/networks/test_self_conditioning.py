"""A self-conditioned network: an estimate beside the image, zeros where there is none."""

from __future__ import annotations

import pytest
import torch

from ddpm.networks.kinds import NETWORKS
from ddpm.networks.self_conditioning import SelfConditioned, join_estimate
from tests.networks.test_kinds import awake, make, noise

T = torch.tensor
OWN = [name for name, row in NETWORKS.items() if not row.imported]


@pytest.mark.parametrize("kind", OWN)
def test_no_estimate_is_an_estimate_of_zeros(kind: str) -> None:
    inner = awake(make(kind, 2, 1, num_classes=2))
    network = SelfConditioned(inner, 1).eval()
    x, estimate, t = noise(2, 1, 8, 8), noise(2, 1, 8, 8, seed=1), T([3, 700])
    zeros = torch.zeros_like(x)
    assert torch.equal(network(x, t, T([0, 1])), inner(torch.cat([x, zeros], 1), t, T([0, 1])))
    told = network(join_estimate(network, x, estimate), t)
    assert torch.equal(told, inner(torch.cat([x, estimate], 1), t))
    assert not torch.allclose(told, network(x, t), atol=1e-3)
    assert join_estimate(network, x, None) is x and join_estimate(inner, x, estimate) is x


def test_it_passes_on_what_the_network_inside_declares() -> None:
    inner = make("edm2", 2, 1)
    network = SelfConditioned(inner, 1)
    assert list(network.stages()) == list(inner.stages())
    assert network.attention_sides == inner.attention_sides
    weight = inner.get_parameter("middle.conv1.weight")
    with torch.no_grad():
        weight.mul_(5)
    network.normalize_weights()
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.ones(16), atol=1e-3, rtol=0)
    told = SelfConditioned(make("unet", 2, 1, augment_labels=9), 1)
    SelfConditioned(make("unet", 2, 1), 1).load_state_dict(told.state_dict())
