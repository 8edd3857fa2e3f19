"""Self-conditioning: networks that see their previous prediction (Chen et al. 2022, arXiv:2208.04202)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ddpm.networks.denoising_network import DenoisingNetwork


class SelfConditioned(DenoisingNetwork):
    """A network of any kind whose input channels are doubled by an estimate of the clean image.

    `forward` takes images [N, C, H, W] alone (no estimate: zeros, as the paper's) or joined with their
    estimates, [N, 2C, H, W] in [-1, 1] (see `join_estimate`).
    """

    def __init__(self, network: DenoisingNetwork, channels: int) -> None:
        super().__init__()
        self.network, self.channels = network, channels
        self.attention_sides = network.attention_sides

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Tensor:
        if x.shape[1] == self.channels:
            x = torch.cat([x, torch.zeros_like(x)], dim=1)
        out: Tensor = self.network(x, t, labels, augment_labels)
        return out

    def stages(self) -> Iterable[nn.Module]:
        """Return the blocks of the network inside."""
        return self.network.stages()

    def normalize_weights(self) -> None:
        """Bring the weights of the network inside back to their constraint."""
        self.network.normalize_weights()


def join_estimate(network: nn.Module, x: Tensor, estimate: Tensor | None) -> Tensor:
    """Return the input of `network` for x [N, C, H, W]: joined with the estimate if it takes one."""
    if estimate is None or not isinstance(network, SelfConditioned):
        return x
    return torch.cat([x, estimate.to(x.dtype)], dim=1)
