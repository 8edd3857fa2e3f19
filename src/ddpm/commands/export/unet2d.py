"""A U-Net of this package as diffusers' UNet2DModel: its settings and its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ddpm.networks.unet import (
    AddSkip,
    Attention,
    ChannelNorm,
    GroupNorm,
    ResidualBlock,
    Stage,
    UNet,
    Upsample,
)

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Level:
    """The layers of one resolution: blocks, and the change to the next resolution if there is one."""

    stages: tuple[Stage, ...]
    change: nn.Conv2d | None

    @property
    def attends(self) -> bool:
        return any(stage.attends for stage in self.stages)


def down_levels(network: UNet) -> list[Level]:
    """Return the levels on the way down."""
    return _levels(list(network.down))


def up_levels(network: UNet) -> list[Level]:
    """Return the levels on the way up."""
    return _levels(list(network.up))


def _levels(layers: list[nn.Module]) -> list[Level]:
    levels: list[Level] = []
    stages: list[Stage] = []
    for layer in layers:
        if isinstance(layer, Stage):
            stages.append(layer)
            continue
        change = layer.conv if isinstance(layer, Upsample) else layer
        assert isinstance(change, nn.Conv2d)
        levels.append(Level(tuple(stages), change))
        stages = []
    return [*levels, Level(tuple(stages), None)]


def fits_unet2d(network: UNet) -> bool:
    """Return whether UNet2DModel can hold the weights: it normalizes groups and concatenates skips."""
    modules = list(network.modules())
    return not any(isinstance(module, ChannelNorm | AddSkip) for module in modules)


def group_counts(network: UNet) -> set[int]:
    """Return the numbers of groups of the GroupNorm layers."""
    return {module.num_groups for module in network.modules() if isinstance(module, GroupNorm)}


def head_sizes(network: UNet) -> set[int]:
    """Return the numbers of channels of an attention head."""
    modules = [module for module in network.modules() if isinstance(module, Attention)]
    return {module.qkv.in_channels // module.heads for module in modules}


def unet2d_settings(
    network: UNet, image_shape: tuple[int, int, int], num_steps: int, stock: bool
) -> dict[str, Any]:
    """Return the config.json of the UNet2DModel for padded images of `image_shape` (C, H, W).

    `stock`: GroupNorm groups and attention heads are those of the network; otherwise they are 1 and
    the pipeline sets them, and the time embedding is a table that the pipeline indexes.
    """
    downs, ups = down_levels(network), up_levels(network)
    image_channels, *image_size = image_shape
    groups = min(group_counts(network)) if stock else 1
    dim = network.middle.block.scale_shift.in_features
    settings = {
        "_class_name": "UNet2DModel",
        "sample_size": [side // network.patch for side in image_size],
        "in_channels": network.head.in_channels,
        "out_channels": _image_channels(network, image_channels),
        "center_input_sample": False,
        "time_embedding_type": "positional",
        "time_embedding_dim": dim,
        "freq_shift": 0,
        "flip_sin_to_cos": False,
        "down_block_types": [f"{'Attn' * level.attends}DownBlock2D" for level in downs],
        "mid_block_type": "UNetMidBlock2D",
        "up_block_types": [f"{'Attn' * level.attends}UpBlock2D" for level in ups],
        "block_out_channels": [level.stages[-1].block.norm2.num_channels for level in downs],
        "layers_per_block": len(downs[0].stages),
        "act_fn": "silu",
        "attention_head_dim": min(head_sizes(network), default=8) if stock else None,
        "norm_num_groups": groups,
        "attn_norm_num_groups": groups,
        "norm_eps": network.norm.eps,
        "resnet_time_scale_shift": "scale_shift",
        "add_attention": network.middle.attends,
    }
    if not stock:
        settings["num_class_embeds"] = num_steps * _embedding_table(network, 1).shape[0]
    return settings


def _image_channels(network: UNet, channels: int) -> int:
    """Return the channels of the network's output for an image of `channels`, without a learned variance."""
    return channels * network.patch**2


def unet2d_weights(network: UNet, channels: int, num_steps: int, stock: bool) -> Weights:
    """Return the weights under the names of UNet2DModel, for images of `channels`."""
    weights: Weights = {}
    for i, level in enumerate(down_levels(network)):
        weights |= _level_weights(f"down_blocks.{i}", level, "downsamplers")
    for i, level in enumerate(up_levels(network)):
        weights |= _level_weights(f"up_blocks.{i}", level, "upsamplers")
    weights |= _stage_weights("mid_block", 0, network.middle)
    weights |= _identity_block("mid_block.resnets.1", network.middle.block)
    out = _image_channels(network, channels)
    tail = {name: tensor[:out] for name, tensor in _named("conv_out", network.tail).items()}
    weights |= {**_named("conv_in", network.head), **_named("conv_norm_out", network.norm), **tail}
    first, second = network.time.layers[0], network.time.layers[2]
    assert isinstance(first, nn.Linear)
    weights |= {
        **_named("time_embedding.linear_1", first),
        **_named("time_embedding.linear_2", second),
    }
    if not stock:
        width = network.head.out_channels  # of the sinusoid that diffusers expects
        weights["time_embedding.linear_1.weight"] = torch.zeros(first.out_features, width)
        for name in ("linear_1.bias", "linear_2.weight", "linear_2.bias"):
            weights[f"time_embedding.{name}"] = torch.zeros_like(weights[f"time_embedding.{name}"])
        weights["class_embedding.weight"] = _embedding_table(network, num_steps)
    return {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}


@torch.no_grad()
def _embedding_table(network: UNet, num_steps: int) -> Tensor:
    """Return the embedding of every label and time, [labels * num_steps, dim]; row label * num_steps + t."""
    times: Tensor = network.time(torch.arange(num_steps))
    labels: Tensor | None = None if network.label is None else network.label.weight
    return times if labels is None else (labels[:, None] + times).flatten(0, 1)


def _named(name: str, layer: nn.Module) -> Weights:
    return {f"{name}.{key}": tensor for key, tensor in layer.state_dict().items()}


def _level_weights(name: str, level: Level, change: str) -> Weights:
    weights: Weights = {}
    for i, stage in enumerate(level.stages):
        weights |= _stage_weights(name, i, stage)
    if level.change is not None:
        weights |= _named(f"{name}.{change}.0.conv", level.change)
    return weights


def _stage_weights(name: str, index: int, stage: Stage) -> Weights:
    block, prefix = stage.block, f"{name}.resnets.{index}"
    weights = {
        **_named(f"{prefix}.norm1", block.norm1),
        **_named(f"{prefix}.conv1", block.conv1),
        **_named(f"{prefix}.time_emb_proj", block.scale_shift),
        **_named(f"{prefix}.norm2", block.norm2),
        **_named(f"{prefix}.conv2", block.conv2),
        **_named(f"{prefix}.conv_shortcut", block.skip),
    }
    if isinstance(stage.attention, Attention):
        weights |= _attention_weights(f"{name}.attentions.{index}", stage.attention)
    return weights


def _attention_weights(prefix: str, attention: Attention) -> Weights:
    """Return the weights of an attention; its 1x1 convolutions become linear layers."""
    weights = _named(f"{prefix}.group_norm", attention.norm)
    qkv, out = _named("qkv", attention.qkv), _named("out", attention.out)
    rows = qkv["qkv.weight"][:, :, 0, 0].chunk(3), qkv["qkv.bias"].chunk(3)
    for name, weight, bias in zip(("to_q", "to_k", "to_v"), *rows, strict=True):
        weights |= {f"{prefix}.{name}.weight": weight, f"{prefix}.{name}.bias": bias}
    weights[f"{prefix}.to_out.0.weight"] = out["out.weight"][:, :, 0, 0]
    weights[f"{prefix}.to_out.0.bias"] = out["out.bias"]
    return weights


def _identity_block(prefix: str, block: ResidualBlock) -> Weights:
    """Return the weights of a residual block like `block` that changes nothing: conv2 is 0."""
    width = block.conv2.out_channels
    shapes: dict[str, tuple[int, ...]] = {
        "norm1": (width,), "conv1": (width, width, 3, 3), "norm2": (width,), "conv2": (width, width, 3, 3),
        "time_emb_proj": (2 * width, block.scale_shift.in_features),
    }  # fmt: skip
    weights = {}
    for name, shape in shapes.items():
        weights[f"{prefix}.{name}.weight"] = torch.full(shape, float(name.startswith("norm")))
        weights[f"{prefix}.{name}.bias"] = torch.zeros(shape[0])
    return weights
