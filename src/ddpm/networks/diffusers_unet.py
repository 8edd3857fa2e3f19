"""The class UNet2DModel of diffusers as a network of this package (package diffusers, extra `diffusers`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.layouts import (
    MAX_WIDTH,
    Check,
    either,
    none_or,
    number,
    parse_layout,
    series,
    whole,
)

_DOWN = ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
_UP = ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")

SETTINGS: dict[str, tuple[Check, Any]] = {  # argument of UNet2DModel → its check and its default
    "center_input_sample": (either(False, True), False),
    "time_embedding_type": (either("positional"), "positional"),
    "time_embedding_dim": (none_or(whole(2, MAX_WIDTH)), None),
    "freq_shift": (whole(0, 1), 0),
    "flip_sin_to_cos": (either(False, True), True),
    "down_block_types": (
        series(either(*_DOWN)),
        ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
    ),
    "mid_block_type": (either(None, "UNetMidBlock2D"), "UNetMidBlock2D"),
    "up_block_types": (
        series(either(*_UP)),
        ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    ),
    "block_out_channels": (series(whole(1, MAX_WIDTH)), [224, 448, 672, 896]),
    "layers_per_block": (whole(1, 16), 2),
    "mid_block_scale_factor": (number(1e-6, 1e6), 1),
    "downsample_padding": (whole(0, 1), 1),
    "downsample_type": (either("conv", "resnet"), "conv"),
    "upsample_type": (either("conv", "resnet"), "conv"),
    "act_fn": (either("silu", "swish", "mish", "gelu", "relu"), "silu"),
    "attention_head_dim": (none_or(whole(1, MAX_WIDTH)), 8),
    "norm_num_groups": (whole(1, MAX_WIDTH), 32),
    "attn_norm_num_groups": (none_or(whole(1, MAX_WIDTH)), None),
    "norm_eps": (number(1e-12, 1), 1e-5),
    "resnet_time_scale_shift": (either("default", "scale_shift"), "default"),
    "add_attention": (either(False, True), True),
}


class DiffusersUNet(DenoisingNetwork):
    """A UNet2DModel without classes: x [N, C, H, W], t [N] → [N, out_channels, H, W].

    Any H and W: the input is padded inside to a multiple of 2^(levels - 1), the output cropped. Its weights
    have the names of diffusers behind `unet.`. ValueError: the layout is not supported.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        *,
        num_classes: int = 0,
        augment_labels: int = 0,
        num_steps: int = 1000,
        layout: str = "",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        settings = parse_layout(layout, {name: check for name, (check, _) in SETTINGS.items()})
        refuse_conditions(num_classes, augment_labels)
        levels = len(settings["block_out_channels"])
        if not levels == len(settings["down_block_types"]) == len(settings["up_block_types"]):
            raise ValueError("network.layout names another number of blocks than of widths")
        self.multiple = 2 ** (levels - 1)
        self.unet = unet2d_class()(
            sample_size=list(image_size),
            in_channels=in_channels,
            out_channels=out_channels,
            dropout=dropout,
            **settings,
        )

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Tensor:
        """Return the output [N, out, H, W] for images x [N, C, H, W] at times t [N]."""
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        out: Tensor = self.unet(x, t, return_dict=False)[0]
        return out[..., :height, :width]

    def stages(self) -> Iterable[nn.Module]:
        """Return the blocks of every resolution."""
        return [*self.unet.down_blocks, *self.unet.up_blocks]


def refuse_conditions(num_classes: int, augment_labels: int) -> None:
    """Raise ValueError if an imported network is to be told classes or augmentation."""
    if num_classes:
        raise ValueError("an imported network takes no labels; set data.labels=false")
    if augment_labels:
        raise ValueError(
            "an imported network is not told its augmentation; set data.augment=0 and use data.flip"
        )


def unet2d_class() -> Any:
    """Return the class UNet2DModel. ValueError if diffusers is not installed."""
    try:
        from diffusers.models.unets.unet_2d import UNet2DModel
    except ImportError as error:
        raise ValueError(
            "it is the UNet2DModel of diffusers: pip install 'ddpm-studio[diffusers]'"
        ) from error
    return UNet2DModel
