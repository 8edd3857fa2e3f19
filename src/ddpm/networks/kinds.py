"""The table of denoising networks, by the name that `network.kind` selects."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.unet import UNet


class NetworkKind(NamedTuple):
    """A kind of network: its constructor, and the settings of the section `network` that it takes.

    `make` is called as
    `make(in_channels, out_channels, image_size, num_classes=, augment_labels=, num_steps=, **settings)`.
    """

    make: Callable[..., DenoisingNetwork]
    settings: tuple[str, ...]


NETWORKS: dict[str, NetworkKind] = {
    "unet": NetworkKind(
        UNet,
        ("channels", "multipliers", "blocks", "attention", "patch", "dropout", "time_embedding"),
    ),
}
