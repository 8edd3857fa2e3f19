"""A diffusion transformer (DiT) for images of any shape (Peebles & Xie 2023, arXiv:2212.09748).

Patches of the image are tokens. Transformer blocks are conditioned on time and label by adaptive layer norm
(adaLN-Zero). Long skips join blocks at equal distance from both ends, as in U-ViT (Bao et al. 2023,
arXiv:2209.12152).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.attention import attend
from ddpm.networks.conditioned_network import ConditionedNetwork, augmentation_embedding
from ddpm.networks.dropout import Dropout
from ddpm.networks.embeddings import TimeEmbedding, frequencies
from ddpm.networks.initialization import zero_init

MLP_RATIO = 4  # width of the hidden layer of a block's perceptron, relative to the tokens
ROTARY_PERIOD = 100.0  # grids of patches are small


def tokens_of(x: Tensor) -> Tensor:
    """Return the tokens [N, H W, C] of a feature map [N, C, H, W], row by row."""
    return x.flatten(2).transpose(1, 2)


def map_of(tokens: Tensor, height: int, columns: int) -> Tensor:
    """Return the feature map [N, C, height, columns] of tokens [N, L, C]."""
    n, _, c = tokens.shape
    return tokens.reshape(n, height, columns, c).permute(0, 3, 1, 2)


def sinusoid_positions(width: int, height: int, columns: int, device: torch.device) -> Tensor:
    """Return the fixed positions [height columns, width] of a grid: half for the row, half for the column.

    Each half holds sines and cosines at the frequencies of Vaswani et al. 2017, section 3.5.
    """
    frequency = frequencies(width // 2).to(device, torch.float32)

    def encode(count: int) -> Tensor:  # [count, width / 2]
        angle = torch.arange(count, device=device, dtype=torch.float32)[:, None] * frequency
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    rows = encode(height)[:, None].expand(height, columns, -1)
    across = encode(columns)[None].expand(height, columns, -1)
    return torch.cat([rows, across], dim=2).flatten(0, 1)


def rotary_angles(channels: int, height: int, columns: int, device: torch.device) -> Tensor:
    """Return the angles [height columns, channels / 2] by which rotary positions turn pairs of channels.

    Su et al. 2021 (arXiv:2104.09864), Eq. 15, on two axes: the first pairs turn with the row, the others
    with the column.
    """
    pairs = channels // 2

    def encode(count: int, size: int) -> Tensor:
        share = torch.arange(size, device=device, dtype=torch.float32) / max(1, size)
        position = torch.arange(count, device=device, dtype=torch.float32)
        return position[:, None] * ROTARY_PERIOD**-share

    rows = encode(height, (pairs + 1) // 2)[:, None].expand(height, columns, -1)
    across = encode(columns, pairs // 2)[None].expand(height, columns, -1)
    return torch.cat([rows, across], dim=2).flatten(0, 1)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the channel pairs (k, k + d/2) of x [..., positions, d] by `angles` [positions, d / 2]."""
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Return x [N, L, D] scaled by 1 + scale and shifted; shift and scale are [N, 1, D]."""
    return torch.addcmul(shift, x, 1 + scale)


class TransformerBlock(nn.Module):
    """A DiT block with adaLN-Zero (Figure 3): attention and a perceptron, each scaled, shifted and gated.

    Input and output are feature maps [N, width, H, W]. With `joins` the input has twice the width, the
    second half from a long skip, and a linear layer first. Starts as the identity (of the first half).
    """

    outline_kind = "block"
    attends = True

    def __init__(self, width: int, heads: int, *, dropout: float, joins: bool) -> None:
        super().__init__()
        self.heads = heads
        self.join = nn.Linear(2 * width, width) if joins else None
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.shrink = (
            nn.Linear(width, MLP_RATIO * width),
            nn.Linear(MLP_RATIO * width, width),
        )
        self.dropout = Dropout(dropout)
        self.modulation = zero_init(nn.Linear(width, 6 * width))

    def forward(self, x: Tensor, embedding: Tensor, angles: Tensor | None = None) -> Tensor:
        height, columns = x.shape[-2:]
        h = tokens_of(x)  # [N, L, D]
        if self.join is not None:
            h = self.join(h)
        parts = self.modulation(embedding)[:, None].chunk(6, dim=2)  # [N, 1, D] each
        shift1, scale1, gate1, shift2, scale2, gate2 = parts
        h = h + gate1 * self.attention(modulate(self.norm1(h), shift1, scale1), angles)
        hidden = F.gelu(self.expand(modulate(self.norm2(h), shift2, scale2)), approximate="tanh")
        h = h + gate2 * self.shrink(self.dropout(hidden))
        return map_of(h, height, columns)

    def attention(self, x: Tensor, angles: Tensor | None) -> Tensor:
        """Return multi-head self-attention of tokens [N, L, D]; `angles` are rotary positions."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)
        mixed = attend(q, k, v).transpose(1, 2).flatten(2)  # [N, L, D]
        out: Tensor = self.out(mixed)
        return out


class DiffusionTransformer(ConditionedNetwork):
    """A diffusion transformer: x [N, in_channels, H, W], t [N], labels [N] → [N, out_channels, H, W].

    The input is padded inside to whole patches. `image_size` is not used: the network has no levels.

    Args (the others: see `ConditionedNetwork`):
        width: of a token. depth: the number of blocks. heads: of the attention.
        patch: side of the square of pixels that makes one token.
        positions: sinusoid (fixed, added to the tokens) or rotary (in the attention).
        long_skips: join the i-th block's input to the i-th last block (U-ViT).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        *,
        width: int = 96,
        depth: int = 6,
        heads: int = 4,
        patch: int = 2,
        positions: str = "sinusoid",
        long_skips: bool = False,
        dropout: float = 0.0,
        num_classes: int = 0,
        augment_labels: int = 0,
        num_steps: int = 1000,
        time_embedding: str = "standard",
    ) -> None:
        super().__init__(num_classes, patch)
        if width % 4 or width % (2 * heads):
            raise ValueError(
                f"network.width is {width}, but must be a multiple of 4 and of twice network.heads ({heads})"
            )
        self.width, self.heads, self.patch, self.positions = width, heads, patch, positions
        self.time = TimeEmbedding(width, width, num_steps=num_steps, formula=time_embedding)
        self.label = nn.Embedding(num_classes + 1, width) if num_classes else None
        self.head = nn.Conv2d(in_channels * patch**2, width, 1)
        self.joins = depth // 2 if long_skips else 0  # the last blocks, which join
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, dropout=dropout, joins=i >= depth - self.joins)
            for i in range(depth)
        )
        self.norm = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.modulation = zero_init(nn.Linear(width, 2 * width))
        self.tail = zero_init(nn.Conv2d(width, out_channels * patch**2, 1))
        self.transform = augmentation_embedding(augment_labels, width)

    def predict(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the output [N, out, H, W] for images x [N, C, H, W] and embeddings [N, D]."""
        h = self.head(
            F.pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last)
        )
        rows, columns = h.shape[-2:]
        angles = None
        if self.positions == "rotary":
            angles = rotary_angles(self.width // self.heads, rows, columns, h.device)
        else:
            grid = sinusoid_positions(self.width, rows, columns, h.device)
            h = h + map_of(grid[None], rows, columns).to(h.dtype)
        skips: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            if i < self.joins:
                skips.append(h)
            joins = i >= len(self.blocks) - self.joins
            h = block(torch.cat([h, skips.pop()], dim=1) if joins else h, embedding, angles)
        shift, scale = self.modulation(embedding)[:, None].chunk(2, dim=2)
        tokens = modulate(self.norm(tokens_of(h)), shift, scale)
        h = self.tail(map_of(tokens, rows, columns))
        return F.pixel_shuffle(h, self.patch)

    def stages(self) -> Iterable[nn.Module]:
        """Return the transformer blocks."""
        return self.blocks
