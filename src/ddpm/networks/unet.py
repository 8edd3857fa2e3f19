"""A U-Net for images of any shape (Ho et al. 2020, appendix B; Dhariwal & Nichol 2021, section 3).

Residual blocks with scale-shift time conditioning, self-attention at chosen resolutions, and
space-to-depth at the input. It maps (x_t, t, labels) to a tensor like x_t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.arguments import check_choice, check_number, check_whole, check_wholes
from ddpm.networks.attention import attend, head_count
from ddpm.networks.conditioned_network import ConditionedNetwork, augmentation_embedding
from ddpm.networks.dropout import Dropout
from ddpm.networks.embeddings import TimeEmbedding
from ddpm.networks.initialization import zero_init


class GroupNorm(nn.GroupNorm):
    """GroupNorm with about 8 channels per group, at most 32 groups, or with `groups` of them.

    It computes in float32 for any input type: more exact, and on CPUs four times as fast as bf16.
    """

    def __init__(self, channels: int, groups: int = 0) -> None:
        wanted = groups or max(1, min(32, channels // 8))
        super().__init__(next(g for g in range(wanted, 0, -1) if channels % g == 0), channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.group_norm(x.float(), self.num_groups, self.weight, self.bias, self.eps)
        return out.to(x.dtype)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each position of [N, C, H, W] (Ba et al. 2016, arXiv:1607.06450).

    With channels-last memory each position is one contiguous row, which torch normalizes several times as
    fast as groups of channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.permute(0, 2, 3, 1)  # a view of channels-last memory
        out = F.layer_norm(rows, self.normalized_shape, self.weight, self.bias, self.eps)
        return out.to(x.dtype).permute(0, 3, 1, 2)


Norm = Callable[[int], nn.Module]  # number of channels → a normalization of [N, C, H, W]


class ResidualBlock(nn.Module):
    """A residual block: norm, SiLU, conv; norm scaled and shifted by the embedding, SiLU, dropout, conv."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        dropout: float,
        norm: Norm = GroupNorm,
    ) -> None:
        super().__init__()
        self.norm1 = norm(channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = norm(out_channels)
        self.conv2 = zero_init(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.scale_shift = nn.Linear(embedding, 2 * out_channels)
        self.dropout = Dropout(dropout)
        same = channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))  # [N, out, H, W]
        scale, shift = self.scale_shift(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        out: Tensor = self.skip(x) + self.conv2(self.dropout(F.silu(h)))
        return out


class Attention(nn.Module):
    """Self-attention over all positions, heads of about 64 channels; starts as the identity."""

    def __init__(self, channels: int, norm: Norm = GroupNorm) -> None:
        super().__init__()
        self.heads = head_count(channels)
        self.norm = norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).permute(0, 2, 3, 1)  # [N, H, W, 3c]: a view of channels-last
        qkv = qkv.reshape(n, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = attend(*qkv.unbind(0)).transpose(1, 2)  # [N, HW, heads, c/heads]
        out: Tensor = x + self.out(mixed.reshape(n, h, w, c).permute(0, 3, 1, 2))
        return out


class Stage(nn.Module):
    """A residual block, followed by attention if `attend`."""

    outline_kind = "block"

    def __init__(
        self,
        channels: int,
        out: int,
        embedding: int,
        dropout: float,
        attend: bool,
        norm: Norm = GroupNorm,
    ) -> None:
        super().__init__()
        self.attends = attend
        self.block = ResidualBlock(channels, out, embedding, dropout, norm)
        self.attention = Attention(out, norm) if attend else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        out: Tensor = self.attention(self.block(x, embedding))
        return out


class Upsample(nn.Module):
    """Upsampling by 2 (nearest), then a 3x3 convolution; with `out` channels a 1x1 convolution first."""

    outline_kind = "up"

    def __init__(self, channels: int, out: int = 0) -> None:
        super().__init__()
        narrows = out not in (0, channels)
        self.narrow = nn.Conv2d(channels, out, 1) if narrows else nn.Identity()
        self.conv = nn.Conv2d(out or channels, out or channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)  # at the low resolution, where it is cheap
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return out


class ConcatSkip(nn.Module):
    """Join of a feature map with a skip connection: both maps as channels, [N, C + S, H, W]."""

    def forward(self, h: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([h, skip], 1)


class AddSkip(nn.Module):
    """Join of a feature map with a skip connection: (h + skip) / sqrt(2), which keeps the variance.

    A skip of another width passes through a 1x1 convolution.
    """

    def __init__(self, channels: int, skip: int) -> None:
        super().__init__()
        self.project = nn.Identity() if skip == channels else nn.Conv2d(skip, channels, 1)

    def forward(self, h: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = (h + self.project(skip)) * 0.5**0.5
        return out


def level_sides(image_size: tuple[int, int], levels: int, patch: int) -> tuple[int, ...]:
    """Return the shorter side of each level's feature map, in its own pixels, for images of (H, W)."""
    multiple = patch * 2 ** (levels - 1)
    padded = [math.ceil(side / multiple) * multiple for side in image_size]
    return tuple(min(padded) // patch // 2**level for level in range(levels))


class UNet(ConditionedNetwork):
    """A U-Net: x [N, in_channels, H, W], t [N], labels [N] → [N, out_channels, H, W].

    The input is padded inside to a multiple of patch * 2^(levels - 1). `image_size` only decides which levels
    `attention` selects.

    Args (the others: see `ConditionedNetwork`):
        channels: width of the first level. multipliers: width of each level, in units of `channels`.
        blocks: residual blocks per level, on the way down and (one more) on the way up.
        attention: resolutions (shorter side of the feature map, in its own pixels) with attention.
        patch: space-to-depth factor: patch x patch pixels become channels at the input (Shi et al. 2016).
        norm: group (GroupNorm) or layer (LayerNorm over the channels of each position).
        skips: concat (the way up sees both maps as channels) or add (their sum over sqrt(2)).
        groups: of every GroupNorm; 0: about 8 channels each. sinusoids: dimensions of the sinusoid of t; 0:
            those of the embedding.

    RequestError: an argument of the wrong type or out of range.
    """

    time: TimeEmbedding
    label: nn.Embedding | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        *,
        channels: int = 32,
        multipliers: Sequence[int] = (1, 2, 2),
        blocks: int = 1,
        attention: Sequence[int] = (),
        patch: int = 1,
        dropout: float = 0.0,
        num_classes: int = 0,
        augment_labels: int = 0,
        num_steps: int = 1000,
        time_embedding: str = "standard",
        norm: str = "group",
        skips: str = "concat",
        groups: int = 0,
        sinusoids: int = 0,
    ) -> None:
        for name, value, least in (
            ("in_channels", in_channels, 1),
            ("out_channels", out_channels, 1),
            ("channels", channels, 1),
            ("blocks", blocks, 1),
            ("patch", patch, 1),
            ("num_classes", num_classes, 0),
            ("augment_labels", augment_labels, 0),
            ("num_steps", num_steps, 1),
            ("groups", groups, 0),
            ("sinusoids", sinusoids, 0),
        ):
            check_whole(name, value, least)
        check_wholes("image_size", image_size, count=2)
        check_wholes("multipliers", multipliers)
        check_wholes("attention", attention)
        check_number("dropout", dropout, 0, 1)
        check_choice("norm", norm, ("group", "layer"))
        check_choice("skips", skips, ("concat", "add"))
        check_choice("time_embedding", time_embedding, ("standard", "slide"))
        make_norm = ChannelNorm if norm == "layer" else partial(GroupNorm, groups=groups)
        widths = [channels * m for m in multipliers]
        super().__init__(num_classes, patch * 2 ** (len(widths) - 1))
        self.patch = patch
        self.attention_sides = sides = level_sides(image_size, len(widths), patch)
        dim = max(128, 4 * channels)

        def stage(cin: int, cout: int, level: int) -> Stage:
            return Stage(cin, cout, dim, dropout, sides[level] in attention, make_norm)

        self.time = TimeEmbedding(
            sinusoids or dim, dim, num_steps=num_steps, formula=time_embedding
        )
        self.label = nn.Embedding(num_classes + 1, dim) if num_classes else None
        self.head = nn.Conv2d(in_channels * patch**2, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        adds = skips == "add"
        self.joins = nn.ModuleList()  # of the way up with its skips
        skip_widths, width = [widths[0]], widths[0]
        for level, out in enumerate(widths):
            for _ in range(blocks):
                self.down.append(stage(width, out, level))
                width = out
                skip_widths.append(width)
            if level < len(widths) - 1:
                self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1))
                skip_widths.append(width)
        self.middle = stage(width, width, len(widths) - 1)
        for level, out in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                skip = skip_widths.pop()
                self.joins.append(AddSkip(width, skip) if adds else ConcatSkip())
                self.up.append(stage(width if adds else width + skip, out, level))
                width = out
            if level:
                below = widths[level - 1] if adds else width
                self.up.append(Upsample(width, below))
                width = below
        self.norm = make_norm(width)
        self.tail = zero_init(nn.Conv2d(width, out_channels * patch**2, 3, padding=1))
        self.transform = augmentation_embedding(augment_labels, dim)

    def predict(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the output [N, out, H, W] for images x [N, C, H, W] and embeddings [N, dim]."""
        x = x.contiguous(memory_format=torch.channels_last)
        h = self.head(F.pixel_unshuffle(x, self.patch))
        skips = [h]
        for layer in self.down:
            h = layer(h, embedding) if isinstance(layer, Stage) else layer(h)
            skips.append(h)
        h = self.middle(h, embedding)
        joins = iter(self.joins)
        for layer in self.up:
            is_stage = isinstance(layer, Stage)
            h = layer(next(joins)(h, skips.pop()), embedding) if is_stage else layer(h)
        h = self.tail(F.silu(self.norm(h)))
        return F.pixel_shuffle(h, self.patch)

    def stages(self) -> Iterable[nn.Module]:
        """Return the residual blocks with their attention."""
        return [module for module in self.modules() if isinstance(module, Stage)]
