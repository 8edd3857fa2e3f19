"""The magnitude-preserving U-Net of EDM2 (Karras et al. 2024, arXiv:2312.02696, configuration G).

Activations keep a mean square of about 1 through every layer without normalization layers: weights have
rows of norm 1, and sums, concatenations and nonlinearities are scaled. There are no biases; a channel of
ones at the input replaces them. Equations are those of the paper's appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.attention import attend, head_count
from ddpm.networks.conditioned_network import ConditionedNetwork, augmentation_embedding
from ddpm.networks.dropout import Dropout
from ddpm.networks.embeddings import Sinusoids
from ddpm.networks.unet import level_sides

EPSILON = 1e-4  # keeps the norm of a zero vector from dividing by zero
SILU_MAGNITUDE = 0.596  # root mean square of silu(x) for standard normal x
RESIDUAL_SHARE = 0.3  # of a residual branch in its sum, for convolutions and attention
MAX_ACTIVATION = 256.0  # activations are clipped at it


def normalize(x: Tensor, dim: int) -> Tensor:
    """Return x scaled to a mean square of 1 along `dim`."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim, keepdim=True, dtype=torch.float32)
    magnitude = norm / math.sqrt(x.shape[dim]) + EPSILON
    return x / magnitude.to(x.dtype)


def mp_silu(x: Tensor) -> Tensor:
    """Return silu(x) with a mean square of 1 for standard normal x (Eq. 81)."""
    return F.silu(x) / SILU_MAGNITUDE


def mp_sum(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Return a + share (b - a), scaled so that uncorrelated a, b keep their magnitude (Eq. 88)."""
    return a.lerp(b, share) / math.hypot(1 - share, share)


def mp_cat(a: Tensor, b: Tensor) -> Tensor:
    """Concatenate channels so that a and b contribute equally to what follows (Eq. 103, t = 1/2)."""
    channels = a.shape[1] + b.shape[1]
    scale = math.sqrt(channels / 2)
    scaled = [x * (scale / math.sqrt(x.shape[1])) for x in (a, b)]
    return torch.cat(scaled, dim=1)


class MPLinear(nn.Module):
    """A linear layer without bias whose rows have norm 1, so that it preserves magnitudes; x [N, channels].

    `forward` divides each row by its norm (Eq. 47), so that gradients are orthogonal to it, and
    `normalize_weights` does so to the stored weight (forced weight normalization, Eq. 66). The paper stores
    rows that are longer by the square root of their size. That is the same function; stored as they are used,
    rows learn at the rates that suit the other networks, with Adam and with Muon.
    """

    def __init__(self, channels: int, out_channels: int, *kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, channels, *kernel))
        with torch.no_grad():
            self.weight.normal_()
        self.normalize_weights()

    @torch.no_grad()
    def normalize_weights(self) -> None:
        """Divide each row of the stored weight by its norm."""
        self.weight.copy_(self.unit_rows())

    def unit_rows(self) -> Tensor:
        """Return the weight with rows of norm 1."""
        dims = tuple(range(1, self.weight.ndim))
        norm = torch.linalg.vector_norm(self.weight, dim=dims, keepdim=True)
        rows: Tensor = self.weight / (norm + EPSILON)
        return rows

    def forward(self, x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        return F.linear(x, self.unit_rows() * gain)


class MPTimeEmbedding(MPLinear):
    """t [N] in 0..num_steps-1 → [N, dim]: sinusoids of unit magnitude, then an `MPLinear`."""

    def __init__(self, dim: int, *, num_steps: int, formula: str) -> None:
        super().__init__(dim, dim)
        self.fourier = Sinusoids(dim, num_steps=num_steps, formula=formula)

    def forward(self, t: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        return super().forward(math.sqrt(2) * self.fourier.sinusoids(t), gain)


class MPEmbedding(MPLinear):
    """A vector [out_channels] for each class: an `MPLinear` of one-hot vectors of unit mean square."""

    def forward(self, labels: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        one_hot_size = math.sqrt(self.weight.shape[1])
        return F.embedding(labels, self.unit_rows().T * (one_hot_size * gain))


class MPConv(MPLinear):
    """A convolution without bias and with zero padding, otherwise as `MPLinear`; x [N, C, H, W]."""

    outline_kind = "conv"

    def __init__(self, channels: int, out_channels: int, side: int) -> None:
        super().__init__(channels, out_channels, side, side)

    def forward(self, x: Tensor, gain: Tensor | float = 1.0) -> Tensor:
        return F.conv2d(x, self.unit_rows() * gain, padding=self.weight.shape[-1] // 2)


class CosineAttention(nn.Module):
    """Self-attention whose queries, keys and values have unit magnitude (section 2.4), with its sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = head_count(channels)
        self.qkv = MPConv(channels, 3 * channels, 1)
        self.out = MPConv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        qkv = self.qkv(x).permute(0, 2, 3, 1)  # [N, H, W, 3c]
        qkv = qkv.reshape(n, h * w, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        mixed = attend(*normalize(qkv, -1).unbind(0)).transpose(1, 2)  # [N, HW, heads, c/heads]
        y = self.out(mixed.reshape(n, h, w, c).permute(0, 3, 1, 2))
        return mp_sum(x, y, RESIDUAL_SHARE)


class Block(nn.Module):
    """A residual block of the encoder or decoder (Figure 21), resampled first if it is `down` or `up`."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        kind: Literal["block", "down", "up"] = "block",
        *,
        encodes: bool,
        attends: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.outline_kind, self.encodes, self.attends = kind, encodes, attends
        inner = (
            out_channels if encodes else channels
        )  # an encoder changes the width before the branch
        self.skip = nn.Identity() if channels == out_channels else MPConv(channels, out_channels, 1)
        self.conv1 = MPConv(inner, out_channels, 3)
        self.conv2 = MPConv(out_channels, out_channels, 3)
        self.modulation = MPLinear(embedding, out_channels)
        self.gain = nn.Parameter(torch.zeros(1))  # of the modulation
        self.dropout = Dropout(dropout)
        self.attention = CosineAttention(out_channels) if attends else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        x = self.resample(x)
        if self.encodes:
            x = normalize(self.skip(x), 1)
        y = self.conv1(mp_silu(x))
        scale = 1 + self.modulation(embedding, self.gain)  # [N, out]
        y = self.conv2(self.dropout(mp_silu(y * scale[:, :, None, None])))
        if not self.encodes:
            x = self.skip(x)
        out: Tensor = self.attention(mp_sum(x, y, RESIDUAL_SHARE))
        return out.clamp(-MAX_ACTIVATION, MAX_ACTIVATION)

    def resample(self, x: Tensor) -> Tensor:
        """Return x at half (means of 2x2 pixels) or twice (pixels repeated) the size, or as it is."""
        if self.outline_kind == "down":
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2.0) if self.outline_kind == "up" else x


class MagnitudePreservingUNet(ConditionedNetwork):
    """A magnitude-preserving U-Net: x [N, in_channels, H, W], t [N], labels [N] → [N, out_channels, H, W].

    The arguments and the padding are those of `unet.UNet`. The layer of the augmentation is not normalized,
    so that zeros mean none. Unlike the paper's network it gets the time t as sinusoids at fixed frequencies,
    which have unit magnitude too, and attends only at the levels that `attention` names.
    """

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
    ) -> None:
        widths = [channels * m for m in multipliers]
        super().__init__(num_classes, patch * 2 ** (len(widths) - 1))
        self.patch = patch
        self.attention_sides = sides = level_sides(image_size, len(widths), patch)
        dim = max(128, *widths)

        def block(
            cin: int,
            cout: int,
            level: int,
            kind: Literal["block", "down", "up"] = "block",
            encodes: bool = False,
        ) -> Block:
            attends = kind == "block" and sides[level] in attention
            return Block(cin, cout, dim, kind, encodes=encodes, attends=attends, dropout=dropout)

        self.time = MPTimeEmbedding(dim, num_steps=num_steps, formula=time_embedding)
        self.label = MPEmbedding(num_classes + 1, dim) if num_classes else None
        self.head = MPConv(in_channels * patch**2 + 1, widths[0], 3)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, width = [widths[0]], widths[0]
        for level, out in enumerate(widths):
            if level:
                self.down.append(block(width, width, level, "down", encodes=True))
                skips.append(width)
            for _ in range(blocks):
                self.down.append(block(width, out, level, encodes=True))
                width = out
                skips.append(width)
        self.middle = block(width, width, len(widths) - 1)
        for level, out in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(block(width + skips.pop(), out, level))
                width = out
            if level:
                self.up.append(block(width, width, level - 1, "up"))
        self.tail = MPConv(width, out_channels * patch**2, 3)
        self.gain = nn.Parameter(torch.zeros(1))  # of the output
        self.transform = augmentation_embedding(augment_labels, dim)

    def predict(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the output [N, out, H, W] for images x [N, C, H, W] and embeddings [N, dim]."""
        x = F.pixel_unshuffle(x.contiguous(memory_format=torch.channels_last), self.patch)
        h = self.head(torch.cat([x, torch.ones_like(x[:, :1])], dim=1))
        skips = [h]
        for layer in self.down:
            h = layer(h, embedding)
            skips.append(h)
        h = self.middle(h, embedding)
        for layer in self.up:
            joins = layer.outline_kind == "block"
            h = layer(mp_cat(h, skips.pop()) if joins else h, embedding)
        h = self.tail(h, self.gain)
        return F.pixel_shuffle(h, self.patch)

    def join_label(self, embedding: Tensor, label: Tensor) -> Tensor:
        """Return the sum of the embeddings of time and label, [N, dim] of unit magnitude each."""
        return mp_sum(embedding, label.to(embedding.dtype), 0.5)

    def activate(self, embedding: Tensor) -> Tensor:
        """Return the nonlinearity at the end of the embedding [N, dim], of unit magnitude."""
        return mp_silu(embedding)

    def stages(self) -> Iterable[nn.Module]:
        """Return the residual blocks with their attention."""
        return [module for module in self.modules() if isinstance(module, Block)]

    def normalize_weights(self) -> None:
        """Bring every row of every normalized weight back to norm 1 (forced weight normalization)."""
        for module in self.modules():
            if isinstance(module, MPLinear):
                module.normalize_weights()
