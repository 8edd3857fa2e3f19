"""A small network with its optimizer, and steps of it."""

from __future__ import annotations

import torch
from torch import nn

from ddpm.config import TrainingConfig
from ddpm.optim.optimizers import make_optimizer

KINDS = ["adam", "adamw", "muon"]


def make(kind: str) -> tuple[nn.Sequential, torch.optim.Optimizer]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(1, 4), nn.Conv2d(4, 2, 1))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    training = TrainingConfig(optimizer=kind, learning_rate=0.01, weight_decay=0.1)  # type: ignore[arg-type]
    return network, make_optimizer(network.parameters(), training)


def take_steps(network: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
