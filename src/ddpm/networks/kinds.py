"""The table of denoising networks, by the name that `network.kind` selects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ddpm.networks.course_unet import CourseUNet
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.diffusers_unet import DiffusersUNet
from ddpm.networks.dit import DiffusionTransformer
from ddpm.networks.edm2 import MagnitudePreservingUNet
from ddpm.networks.lucidrains_unet import LucidrainsUNet
from ddpm.networks.unet import UNet


class NetworkKind(NamedTuple):
    """A kind of network: its constructor, its settings, and its name and sources in the report.

    `make` is called as
    `make(in_channels, out_channels, image_size, num_classes=, augment_labels=, num_steps=, **settings)`.
    """

    make: Callable[..., DenoisingNetwork]
    settings: tuple[str, ...]  # of the section `network`
    title: str  # for readers, in every language
    sources: tuple[str, ...]  # keys of documents/citations.SOURCES
    width: str = "channels"  # the setting that makes it wider
    setting_sources: Mapping[tuple[str, Any], str] = MappingProxyType({})  # (setting, value) → key
    imported: bool = False  # it comes from `ddpm import`, and takes neither labels nor augmentation


UNET_SETTINGS = (
    "channels",
    "multipliers",
    "blocks",
    "attention",
    "patch",
    "dropout",
    "time_embedding",
)

NETWORKS: dict[str, NetworkKind] = {
    "unet": NetworkKind(
        UNet, (*UNET_SETTINGS, "norm", "skips", "groups", "sinusoids"), "U-Net", ("unet", "adm")
    ),
    "edm2": NetworkKind(
        MagnitudePreservingUNet, UNET_SETTINGS, "magnitude-preserving U-Net (EDM2)", ("lengths",)
    ),
    "dit": NetworkKind(
        DiffusionTransformer,
        (
            "width",
            "depth",
            "heads",
            "positions",
            "long_skips",
            "patch",
            "dropout",
            "time_embedding",
        ),
        "diffusion transformer (DiT)",
        ("dit", "attention"),
        width="width",
        setting_sources={("long_skips", True): "uvit", ("positions", "rotary"): "rotary"},
    ),
    "diffusers": NetworkKind(
        DiffusersUNet,
        ("layout", "dropout"),
        "UNet2DModel of diffusers",
        ("unet",),
        width="layout",
        imported=True,
    ),
    "lucidrains": NetworkKind(
        LucidrainsUNet,
        ("layout", "dropout"),
        "U-Net of denoising-diffusion-pytorch",
        ("unet",),
        width="layout",
        imported=True,
    ),
    "course": NetworkKind(
        CourseUNet,
        ("layout",),
        "U-Net of the course's sample notebook",
        ("unet",),
        width="layout",
        imported=True,
    ),
}


def unused_settings(kind: str) -> set[str]:
    """Return the settings that shape other kinds of network and that this kind ignores."""
    shapes = {name for row in NETWORKS.values() for name in row.settings}
    return shapes - set(NETWORKS[kind].settings)
