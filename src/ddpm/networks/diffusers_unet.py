"""The class UNet2DModel of diffusers as a network of this package (package diffusers, extra `diffusers`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ddpm.networks.embeddings import class_labels
from ddpm.networks.imported_network import ImportedNetwork
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


class DiffusersUNet(ImportedNetwork):
    """A UNet2DModel: x [N, C, H, W], t [N], labels [N] → [N, out_channels, H, W].

    The input is padded inside to a multiple of 2^(levels - 1). Its weights have the names of diffusers behind
    `unet.`. With classes, its table `class_embedding` has one row more than classes: that of "no label".
    ValueError: the layout is not supported.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        *,
        num_steps: int = 1000,
        layout: str = "",
        dropout: float = 0.0,
        num_classes: int = 0,
        **conditions: int,
    ) -> None:
        settings = parse_layout(layout, {name: check for name, (check, _) in SETTINGS.items()})
        levels = len(settings["block_out_channels"])
        if not levels == len(settings["down_block_types"]) == len(settings["up_block_types"]):
            raise ValueError("network.layout names another number of blocks than of widths")
        super().__init__(2 ** (levels - 1), **conditions)
        self.num_classes = num_classes
        self.unet = unet2d_class()(
            sample_size=list(image_size),
            in_channels=in_channels,
            out_channels=out_channels,
            dropout=dropout,
            num_class_embeds=num_classes + 1 if num_classes else None,
            **settings,
        )

    def embed(
        self, t: Tensor, labels: Tensor | None, augment_labels: Tensor | None = None
    ) -> Tensor:
        """Return the times t [N], with classes above the labels, [2, N]."""
        if not self.num_classes:
            return t
        return torch.stack([t, class_labels(labels, t, self.num_classes)])

    def predict(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the output [N, out, H, W] for images x [N, C, H, W] and the result of `embed`."""
        t, labels = embedding if self.num_classes else (embedding, None)
        out: Tensor = self.unet(x, t, class_labels=labels, return_dict=False)[0]
        return out

    def stages(self) -> Iterable[nn.Module]:
        """Return the blocks of every resolution."""
        return [*self.unet.down_blocks, *self.unet.up_blocks]


def unet2d_class() -> Any:
    """Return the class UNet2DModel. ValueError if diffusers is not installed."""
    try:
        from diffusers.models.unets.unet_2d import UNet2DModel
    except ImportError as error:
        raise ValueError(
            "it is the UNet2DModel of diffusers: pip install 'ddpm-studio[diffusers]'"
        ) from error
    return UNet2DModel
