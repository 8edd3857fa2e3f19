"""The learned uncertainty of the loss finds the logarithm of the loss of each time."""

from __future__ import annotations

import torch

from ddpm.networks.uncertainty import Uncertainty


def test_it_starts_at_zero_and_finds_the_logarithm_of_the_loss() -> None:
    """loss / e^u + u has its least value at u = ln loss."""
    network = Uncertainty(1000)
    t = torch.arange(0, 1000, 10)
    assert not network(t).any()
    losses = 0.1 + (t / 1000).square()
    optimizer = torch.optim.Adam(network.parameters(), 3e-2)
    for _ in range(400):
        optimizer.zero_grad()
        u = network(t)
        (losses / u.exp() + u).mean().backward()
        optimizer.step()
    assert (network(t) - losses.log()).abs().mean() < 0.1
